"""How long the whole pipeline takes, against the notebook's script that it grew from.

`dvc repro -f` and the script run in turn, each as a whole process, in clones of the commit that is checked out, with
the data on this disk already. Then each stage runs alone: seconds, peak memory, and what its imports take. The floor is
what the training's arithmetic would take at the rate of a matrix product.
`python -m benchmarks pipeline [--rounds 5] [--recipe fast]`
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.process import Usage, in_turn, run, script
from benchmarks.project import (
    clone,
    raw_data,
    sample,
    sample_splits,
    write_npz,
)
from benchmarks.record import Session, parser
from benchmarks.summary import ratio, spread
from digits.data.raw import read_raw
from digits.params import SEED_RECIPE, read_params, recipe_settings, setting

BARE = "the notebook's script"
_NOTEBOOK = Path(__file__).with_name("notebook.py")


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("pipeline", __doc__)
    options.add_argument("--rounds", type=int, default=5, help="how often each runs")
    options.add_argument("--recipe", default="fast", help="the recipe beside the seed's")
    chosen = options.parse_args(arguments)
    session = Session("pipeline", arguments, chosen)
    rounds = 1 if chosen.quick else chosen.rounds
    settings = [setting(key, value) for key, value in recipe_settings(chosen.recipe, read_params()).items()]
    data, params = sample() if chosen.quick else (raw_data(), {})
    with tempfile.TemporaryDirectory() as scratch:
        commands = {BARE: _notebook(Path(scratch), quick=chosen.quick)}
        folders = {name: Path(scratch, name) for name in dict.fromkeys((SEED_RECIPE, chosen.recipe))}
        for name, folder in folders.items():
            clone(folder, data, params)
            commands[_title(name)] = partial(_reproduce, folder, settings if name != SEED_RECIPE else [])
        if not chosen.quick:
            # The first run registers a model, which the next ones find.
            in_turn(commands, 1)
        whole = in_turn(commands, rounds)
        stages = [(name, *row) for name, folder in folders.items() for row in _stages(folder, rounds)]
        floors = [_floor(folder) for folder in folders.values()]
    session.finish(
        whole=[_whole_row(name, used, whole[BARE]) for name, used in whole.items()],
        stages=[_stage_row(*row) for row in stages]
        + [_rest_row(name, whole[_title(name)], stages) for name in folders],
        floor=[_floor_row(name, facts, stages) for name, facts in zip(folders, floors, strict=True)],
    )


def _notebook(scratch: Path, quick: bool) -> Callable[[], Usage]:
    """The script, with its data at hand."""
    archive = scratch / "mnist.npz"
    write_npz(archive, sample_splits() if quick else read_raw(raw_data()))
    words = [sys.executable, str(_NOTEBOOK), str(archive), *(["1"] if quick else [])]
    return partial(run, words, scratch)


def _reproduce(folder: Path, settings: Sequence[str]) -> Usage:
    """The whole pipeline in a clone: as params.yaml says, or as an experiment with settings."""
    words = ["exp", "run", "-f", *(word for one in settings for word in ("-S", one))] if settings else ["repro", "-f"]
    return run([script("dvc"), *words], folder)


def _stages(folder: Path, rounds: int) -> list[tuple[str, list[Usage], Counter[str]]]:
    """Name, measurements, and seconds of imports by package, of each stage in the order of dvc.yaml."""
    names = list(read_params(folder / "dvc.yaml")["stages"])
    commands = {name: partial(run, [sys.executable, "-m", "stages", name], folder) for name in names}
    used = in_turn(commands, rounds)
    # A pass of its own: the clock takes time itself.
    return [(name, used[name], _imports(folder, name)) for name in names]


def _imports(folder: Path, stage: str) -> Counter[str]:
    """Seconds that the imports of each package take in a stage."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "imports.json")
        run([sys.executable, "-m", "benchmarks.imports", str(report), "stages", stage], folder)
        return Counter(json.loads(report.read_text()))


def _floor(folder: Path) -> dict[str, Any]:
    return json.loads(run([sys.executable, "-m", "benchmarks.floor"], folder).output.splitlines()[-1])


def _whole_row(name: str, used: list[Usage], bare: list[Usage]) -> dict[str, Any]:
    seconds = [one.seconds for one in used]
    return {
        "what": name,
        "n": len(used),
        "seconds": spread(seconds),
        "of the script": ratio(seconds, [one.seconds for one in bare]),
        "peak memory, MB": max(one.peak_mb for one in used),
    }


def _stage_row(recipe: str, stage: str, used: list[Usage], imports: Counter[str]) -> dict[str, Any]:
    return {
        "recipe": recipe,
        "stage": stage,
        "n": len(used),
        "seconds": spread([one.seconds for one in used]),
        "peak memory, MB": max(one.peak_mb for one in used),
        "imports, seconds": sum(imports.values()),
        "most of it": ", ".join(f"{package} {seconds:.1f}" for package, seconds in imports.most_common(3)),
    }


def _rest_row(recipe: str, whole: list[Usage], stages: list[tuple[Any, ...]]) -> dict[str, Any]:
    """What the whole takes beside its stages: DVC's start, its hashes and its copies into the cache."""
    alone = sum(spread([one.seconds for one in used])["median"] for name, _, used, _ in stages if name == recipe)
    return {
        "recipe": recipe,
        "stage": "DVC itself",
        "seconds": spread([one.seconds for one in whole])["median"] - alone,
    }


def _title(recipe: str) -> str:
    command = "dvc repro -f" if recipe == SEED_RECIPE else "dvc exp run -f"
    return f"`{command}`, recipe {recipe}"


def _floor_row(recipe: str, facts: dict[str, Any], stages: list[tuple[Any, ...]]) -> dict[str, Any]:
    (used,) = (used for name, stage, used, _ in stages if (name, stage) == (recipe, "train"))
    seconds = facts["tflop"] * 1e3 / facts["rate"]["median"]
    return {
        "recipe": recipe,
        "epochs": facts["epochs"],
        "TFLOP": facts["tflop"],
        "matrix product, GFLOP/s": facts["rate"],
        "instructions": facts["cpu"],
        "threads": facts["threads"],
        "floor, seconds": seconds,
        "stage train, of the floor": ratio([one.seconds for one in used], [seconds] * len(used)),
    }

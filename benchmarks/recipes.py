"""How good the recipes are and how long they take: several seeds of each, measured after the last epoch.

The parameters of recipes/NAME.yaml are laid over params.yaml; `seed` is params.yaml itself. All seeds of a recipe run
in one process, through the same functions as stage train. Nothing is chosen by the test images: every seed counts, with
the epoch that its training ended with. Recipes that have networks in common train them once; the seconds of a recipe
are the sum over its networks.
`python -m benchmarks recipes [NAME[:SEEDS]...] [--seeds 5] [--keep FOLDER] [--pictures FOLDER]`
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.labelled import read_labels
from benchmarks.process import run
from benchmarks.project import raw_data, sample, write_npz
from benchmarks.project import sample_splits as sample_of_mnist
from benchmarks.record import Session, parser
from benchmarks.summary import mean, spread
from digits import paths
from digits.data.raw import read_raw
from digits.errors import DigitsError
from digits.params import SEED_RECIPE, override, parse_params, read_params, recipe_settings, setting

# Scores of one training, and what people call them. Shares are shown in percent.
_SCORES = {
    "accuracy": "test accuracy, %",
    "loss": "log-loss",
    "calibration_error": "calibration error",
    "load_digits": "load_digits, %",
    "pictures": "pictures, %",
    "picture_digits": "pictures of one digit, %",
}
_SHARES = ("accuracy", "load_digits", "pictures", "picture_digits")


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("recipes", __doc__)
    options.add_argument("recipes", nargs="*", metavar="NAME[:SEEDS]", help=f"default: all of {paths.RECIPES}/")
    options.add_argument("--seeds", type=int, default=5, help="trainings of each other recipe, with seeds from 1")
    options.add_argument("--keep", type=Path, help="a folder for the networks, from which another call takes them")
    options.add_argument("--pictures", type=Path, help="a folder of labelled pictures: labels.csv with file and truth")
    chosen = options.parse_args(arguments)
    if chosen.pictures:
        # Refused now rather than after the trainings.
        read_labels(chosen.pictures)
    session = Session("recipes", arguments, chosen)
    names = chosen.recipes or sorted(paths.recipe_names(), key=lambda name: name != SEED_RECIPE)
    seeds = dict(_seeds(name, 2 if chosen.quick else chosen.seeds) for name in names)
    # All of them are read before the first one is trained.
    params = {name: _params(name, chosen.quick) for name in seeds}
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch, "mnist.npz")
        write_npz(archive, sample_of_mnist() if chosen.quick else read_raw(raw_data()))
        keep = chosen.keep or Path(scratch)
        keep.mkdir(parents=True, exist_ok=True)
        rows = [_row(name, values, archive, seeds[name], keep, chosen.pictures) for name, values in params.items()]
    session.finish(recipes=rows)


def _seeds(word: str, default: int) -> tuple[str, int]:
    """A recipe and how often it is to be trained: of `fast:10` or `fast`.

    Raises:
        DigitsError: the number is none.
    """
    name, colon, count = word.partition(":")
    if colon and not (count.isdecimal() and int(count)):
        raise DigitsError(f"{word}: the number of seeds after the colon is 1 or more")
    return name, int(count) if colon else default


def _params(recipe: str, quick: bool) -> dict[str, Any]:
    """All parameters with a recipe's values over them.

    Raises:
        DigitsError: a value does not fit the schema.
    """
    raw = read_params()
    changes = recipe_settings(recipe, raw)
    if quick:
        changes = sample()[1] | changes | {"train.epochs": 1}
        if changes.get("train.student.epochs"):
            changes["train.student.epochs"] = 1
    for key, value in changes.items():
        override(raw, setting(key, value))
    parse_params(raw, f"{paths.RECIPES}/{recipe}.yaml over {paths.PARAMS}")
    return raw


def _row(
    recipe: str, params: dict[str, Any], archive: Path, seeds: int, keep: Path, pictures: Path | None
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "params.json")
        file.write_text(json.dumps(params))
        words = ["--params", str(file), "--data", str(archive), "--seeds", str(seeds), "--keep", str(keep)]
        words += ["--pictures", str(pictures)] if pictures else []
        used = run([sys.executable, "-m", "benchmarks.seeds", *words])
    trained = [json.loads(line) for line in used.output.splitlines() if line.startswith('{"seed"')]
    factors = {key: 100 if key in _SHARES else 1 for key in _SCORES if key in trained[0]}
    return {
        "recipe": recipe,
        "n seeds": seeds,
        "weights": trained[0]["weights"],
        "images seen": spread([one["images_seen"] for one in trained])["median"],
        **{_SCORES[key]: mean([factor * one[key] for one in trained]) for key, factor in factors.items()},
        "fit, seconds": spread([one["seconds"] for one in trained]),
        "peak memory, MB": used.peak_mb,
        "threads": params["train"]["threads"],
        "instructions": params["train"]["cpu"],
    }

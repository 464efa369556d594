"""How long `digits predict` takes for one picture, from the shell and in process, and what its imports cost.

Run the pipeline first. `python -m benchmarks predict [--rounds 20] [--images 2000]`
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.process import Usage, in_turn, run, script
from benchmarks.record import Session, parser
from benchmarks.summary import spread
from digits import paths
from digits.evaluation.perturbation import enlarged, other_digits
from digits.files import missing

_BARE = "`python -c pass`"
# What the stages and commands import that takes longest.
_IMPORTS = (
    "tensorflow",
    "mlflow",
    "great_expectations",
    "sklearn.metrics",
    "pandas",
    "scipy.ndimage",
    "matplotlib.figure",
    "ai_edge_litert.interpreter",
    "digits.cli.__main__",
)


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("predict", __doc__)
    options.add_argument("--model", type=Path, default=paths.MODEL, help="a .keras file with its twin beside it")
    options.add_argument("--rounds", type=int, default=20, help="how often each process runs")
    options.add_argument("--images", type=int, default=2000, help="how often each way is asked in process")
    chosen = options.parse_args(arguments)
    if not chosen.model.is_file():
        raise missing(chosen.model)
    session = Session("predict", arguments, chosen)
    rounds, images = (1, 20) if chosen.quick else (chosen.rounds, chosen.images)
    with tempfile.TemporaryDirectory() as scratch:
        commands = _commands(Path(scratch), chosen.model)
        if not chosen.quick:
            # Files that nobody has read yet would be timed once.
            in_turn(commands, 1)
        shell = in_turn(commands, rounds)
    imports = in_turn({name: partial(run, [sys.executable, "-c", f"import {name}"]) for name in _IMPORTS}, rounds)
    inside = run([sys.executable, "-m", "benchmarks.in_process", str(chosen.model), str(images)]).output
    session.finish(
        shell=[_process_row(name, used) for name, used in shell.items()],
        process=[_times_row(name, values) for name, values in json.loads(inside.splitlines()[-1]).items()],
        imports=[_process_row(f"`import {name}`", used) for name, used in imports.items()],
    )


def _commands(scratch: Path, model: Path) -> dict[str, Any]:
    """What is started from the shell."""
    picture, alone = scratch / "picture.png", scratch / "alone" / model.name
    _draw(picture)
    alone.parent.mkdir()
    shutil.copy(model, alone)
    digits, words = script("digits"), {}
    words[_BARE] = [sys.executable, "-c", "pass"]
    words["`digits --help`"] = [digits, "--help"]
    if Path("mlflow.db").is_file():
        words["`digits predict picture.png`, champion of the local store"] = [digits, "predict", str(picture)]
    else:
        print("there is no mlflow.db: the champion of the local store is left out; run `dvc repro` first")
    file = [digits, "predict", str(picture), "--model"]
    words[f"`digits predict picture.png --model {model.name}`"] = [*file, str(model)]
    words["the same without the twin: in TensorFlow"] = [*file, str(alone)]
    return {name: partial(run, command) for name, command in words.items()}


def _draw(path: Path) -> None:
    """A picture of a handwritten digit, 200×200, black on white."""
    images, _ = other_digits()
    Image.fromarray(255 - enlarged(images[:1], 120, 200)[0]).save(path)


def _process_row(name: str, used: list[Usage]) -> dict[str, Any]:
    return {
        "what": name,
        "n": len(used),
        "seconds": spread([one.seconds for one in used]),
        "peak memory, MB": max(one.peak_mb for one in used),
    }


def _times_row(name: str, milliseconds: list[float]) -> dict[str, Any]:
    return {
        "what": name,
        "n": len(milliseconds),
        "p50, ms": spread(milliseconds),
        "p99, ms": float(np.percentile(milliseconds, 99)),
    }

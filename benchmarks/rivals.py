"""Published recipes of others for MNIST, trained here: seconds and test accuracy over several seeds.

Each recipe is a process of its own, a script that knows nothing of this project. PyTorch is no dependency of it: make
an environment for it (`python -m venv torch; torch/bin/pip install torch numpy`) and name its Python.
`python -m benchmarks rivals [--seeds 10] [--torch-python torch/bin/python]`
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.process import run
from benchmarks.project import raw_data, sample_splits, write_npz
from benchmarks.record import Session, parser
from benchmarks.summary import mean, spread
from digits.data.raw import read_raw

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Rival:
    """A recipe.

    Attributes:
        title: for people.
        script: file beside this one.
        name: of the recipe in it.
        epochs: as published.
        share: of the training images that it trains on; it watches the others.
        published: what its author says of the test accuracy.
    """

    title: str
    script: str
    name: str
    epochs: int
    share: float
    published: str


RIVALS = (
    Rival("one epoch, train_mnist_fast", "rival_keras.py", "one_epoch", 1, 1.0, "99.041 ± 0.066, n = 30"),
    Rival("Keras' Simple MNIST convnet", "rival_keras.py", "mnist_convnet", 15, 0.9, "about 99"),
    Rival("PyTorch's mnist example", "rival_torch.py", "mnist", 14, 1.0, "none"),
)


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("rivals", __doc__)
    options.add_argument("--seeds", type=int, default=10, help="trainings of each recipe, with seeds from 1")
    options.add_argument("--torch-python", default=sys.executable, help="a Python that has PyTorch")
    chosen = options.parse_args(arguments)
    session = Session("rivals", arguments, chosen)
    seeds = 2 if chosen.quick else chosen.seeds
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch, "mnist.npz")
        splits = sample_splits() if chosen.quick else read_raw(raw_data())
        write_npz(archive, splits)
        for rival in RIVALS:
            python = chosen.torch_python if rival.script == "rival_torch.py" else sys.executable
            if rival.script == "rival_torch.py" and not _has_torch(python):
                print(f"{rival.title} is left out: {python} has no PyTorch; name one that has with --torch-python")
                continue
            epochs = 1 if chosen.quick else rival.epochs
            seen = round(epochs * rival.share * len(splits["train"].images))
            rows.append({"recipe": rival.title, "images seen": seen, **_row(rival, python, archive, epochs, seeds)})
    session.finish(rivals=rows)


def _has_torch(python: str) -> bool:
    found = run([python, "-c", "import importlib.util; print(importlib.util.find_spec('torch') is not None)"])
    return found.output.strip() == "True"


def _row(rival: Rival, python: str, archive: Path, epochs: int, seeds: int) -> dict[str, Any]:
    words = [python, str(_HERE / rival.script), rival.name, str(archive), str(epochs)]
    used = run([*words, *map(str, range(1, seeds + 1))])
    trained = [json.loads(line) for line in used.output.splitlines() if line.startswith("{")]
    return {
        "n seeds": seeds,
        "weights": trained[0]["weights"],
        "test accuracy, %": mean([100 * one["accuracy"] for one in trained]),
        "published": rival.published,
        "fit, seconds": spread([one["seconds"] for one in trained]),
        "process, seconds": used.seconds,
        "peak memory, MB": used.peak_mb,
    }

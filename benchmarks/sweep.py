"""The trainings of a sweep in DVC's queue and on Ray: how long they take, and what each costs beside its epochs.

The same trainings, recipe `fast` with a thread and seeds from 1 on, through `digits sweep`: in DVC's queue, one at a
time; then on nodes of a CPU each, which are processes on this machine. A cluster is started before the time counts.
`python -m benchmarks sweep [--trials 32] [--epochs 1]`, in the environment of `make test-scale`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.process import Usage, run, script
from benchmarks.project import clone, raw_data, sample, support
from benchmarks.record import Session, parser
from digits import paths
from digits.params import read_params, recipe_settings
from digits.workers.cluster import require_ray

_NODES = (1, 2)


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("sweep", __doc__)
    options.add_argument("--trials", type=int, default=32, help="trainings of each sweep")
    options.add_argument("--epochs", type=int, default=1, help="of each training")
    chosen = options.parse_args(arguments)
    require_ray()
    session = Session("sweep", arguments, chosen)
    trials, epochs = (2, 1) if chosen.quick else (chosen.trials, chosen.epochs)
    data, params = sample() if chosen.quick else (raw_data(), {})
    fast = recipe_settings("fast", read_params()) | {"train.epochs": epochs, "train.threads": 1}
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch, "project")
        clone(project, data, params | fast)
        run([script("dvc"), "repro", "preprocess"], project)
        run(["git", "commit", "-qam", "Record the data"], project)
        used = {"DVC's queue": _sweep(project, "queue", trials, {})}
        for count in _NODES:
            with support("nodes").started(count) as nodes:
                name = f"on-{count}"
                address = ("--address", nodes.address)
                used[_title(count)] = _sweep(project, name, trials, nodes.settings, *address)
        alone = median(_trainings(project, f"on-{_NODES[0]}"))
    session.finish(engines=_rows(used, trials, alone))


def _title(nodes: int) -> str:
    return f"Ray, {nodes} node{'s' if nodes > 1 else ''} of 1 CPU"


def _sweep(project: Path, name: str, trials: int, settings: Mapping[str, str], *more: str) -> Usage:
    """A sweep as a whole process."""
    variables = [f"{key}={value}" for key, value in settings.items()]
    rate = f"train.learning_rate={read_params(project / paths.PARAMS)['train']['learning_rate']}"
    words = ["sweep", "-S", rate, "--seeds", str(trials), "--name", name, *more]
    used = run(["env", *variables, sys.executable, "-m", "digits.cli", *words], project)
    print(f"{name}: {used.seconds:.1f} s", flush=True)
    return used


def _trainings(project: Path, name: str) -> list[float]:
    """Seconds of the epochs of each training of a sweep on a cluster."""
    files = (project / ".digits" / "sweeps" / name).glob("grid/*/epochs.jsonl")
    return [json.loads(file.read_text().splitlines()[-1])["seconds"] for file in files]


def _rows(used: Mapping[str, Usage], trials: int, alone: float) -> list[dict[str, Any]]:
    """A row an engine: the queue, then the clusters of `_NODES`. `alone`: seconds of a training's epochs."""
    queue, *clusters = used
    rows = []
    for title, cpus in zip((queue, *clusters), (1, *_NODES), strict=True):
        each = used[title].seconds * cpus / trials
        rows.append(
            {
                "engine": title,
                "trainings": trials,
                "seconds": used[title].seconds,
                "of the queue": used[title].seconds / used[queue].seconds,
                "a training, seconds of a CPU": each,
                "of these beside its epochs": each - alone,
                # What DVC does is not done by the process that was started.
                "by the driver, CPU seconds": None if title == queue else used[title].cpu / trials,
            }
        )
    return rows

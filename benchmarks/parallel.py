"""Two workers against one: accuracy of each seed, and the seconds of an epoch.

The processed images of the project are trained on with params.yaml, each training in fresh processes and all kinds in
turn. One worker is the pipeline's way, on TensorFlow. Two have a thread each, so that both ways have two processors.
One process on JAX shows what the other library costs. The validation images are measured, the test images are not read.
`python -m benchmarks parallel [--seeds 3] [--epochs 2]`, in the environment of `make test-scale`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.process import run
from benchmarks.record import Session, parser
from benchmarks.summary import mean, spread
from digits import paths
from digits.arrays import open_npy
from digits.data.dataset import Dataset
from digits.model.jax_runtime import require_jax
from digits.params import load_params


class Kind(NamedTuple):
    """A way to train.

    Attributes:
        title: for the table.
        workers: processes with a share of each batch.
        threads: of each.
        jax: whether one worker takes JAX, too.
    """

    title: str
    workers: int
    threads: int
    jax: bool


ONE = Kind("one worker: TensorFlow, 2 threads", 1, 2, False)
TWO = Kind("two workers: JAX, 1 thread each", 2, 1, True)
ALONE = Kind("one process: JAX, 1 thread", 1, 1, True)


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("parallel", __doc__)
    options.add_argument("--seeds", type=int, default=3, help="trainings of each kind, with seeds from 1")
    options.add_argument("--epochs", type=int, default=2, help="of each training")
    chosen = options.parse_args(arguments)
    require_jax()
    session = Session("parallel", arguments, chosen)
    seeds, epochs = (2, 2) if chosen.quick else (chosen.seeds, chosen.epochs)
    with tempfile.TemporaryDirectory() as scratch:
        data = _sample(Path(scratch)) if chosen.quick else paths.PROCESSED
        done: dict[Kind, list[dict[str, Any]]] = {ONE: [], TWO: [], ALONE: []}
        for seed in range(1, seeds + 1):
            # Of one process on JAX, the seconds alone are shown, and one training is enough for them.
            for kind in (ONE, TWO, ALONE) if seed == 1 else (ONE, TWO):
                done[kind].append(_train_apart(kind, seed, epochs, data.absolute()))
                print(f"seed {seed}, {kind.title}: {done[kind][-1]}", flush=True)
    session.finish(
        accuracy=[_accuracy(kind.title, done[kind]) for kind in (ONE, TWO)] + [_difference(done[TWO], done[ONE])],
        seconds=[_seconds(kind.title, done[kind]) for kind in done],
    )


def _accuracy(title: str, done: list[dict[str, Any]]) -> dict[str, Any]:
    values = [100 * one["val_accuracy"] for one in done]
    seeds = {f"seed {number}": round(value, 2) for number, value in enumerate(values, 1)}
    return {"validation accuracy, %": title, **seeds, "mean": mean(values)}


def _difference(two: list[dict[str, Any]], one: list[dict[str, Any]]) -> dict[str, Any]:
    pairs = zip(two, one, strict=True)
    difference = [{"val_accuracy": mine["val_accuracy"] - other["val_accuracy"]} for mine, other in pairs]
    return _accuracy("two workers – one, points", difference)


def _seconds(title: str, done: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "training": title,
        "n": len(done),
        "until the first epoch begins, s": spread([one["start"] for one in done]),
        "an epoch, s": spread([seconds for one in done for seconds in one["epochs"]]),
    }


def _sample(folder: Path) -> Path:
    """A thousand images of each split."""
    for split in ("train", "validation"):
        for letter in "xy":
            np.save(folder / f"{letter}_{split}.npy", open_npy(paths.PROCESSED / f"{letter}_{split}.npy")[:1000])
    return folder


def _train_apart(kind: Kind, seed: int, epochs: int, data: Path) -> dict[str, Any]:
    """`val_accuracy` after the last epoch, `epochs`: seconds of each after the first, `start`: seconds before it."""
    with tempfile.TemporaryDirectory() as scratch:
        job = Path(scratch, "job.json")
        job.write_text(json.dumps({"kind": kind, "seed": seed, "epochs": epochs, "data": str(data)}))
        used = run([sys.executable, "-m", "benchmarks.parallel", str(job)])
    return json.loads(used.output.splitlines()[-1])


def _train(job: dict[str, Any]) -> dict[str, Any]:
    kind, params = Kind(*job["kind"]), load_params().train
    stop = params.stop.model_copy(update={"monitor": "accuracy", "mode": "max", "threshold": 1.0})
    changes = {"epochs": job["epochs"], "seed": job["seed"], "workers": kind.workers, "threads": kind.threads}
    params = params.model_copy(update={**changes, "stop": stop})
    from digits.model.runtime import use_tensorflow

    began = time.monotonic()
    use_tensorflow(params.threads, params.seed, native=params.cpu == "native")
    from digits.model.ensemble import train_model
    from digits.model.parallel import train_together

    dataset, ends = Dataset(Path(job["data"])), list[float]()
    train = train_together if kind.jax else train_model
    _, training = train(
        params, dataset.arrays("train"), dataset.arrays("validation"), lambda *_: ends.append(time.monotonic())
    )
    epochs = np.diff(ends).tolist()
    return {**training.last, "epochs": epochs, "start": max(0.0, ends[0] - began - float(np.median(epochs)))}


if __name__ == "__main__":
    print(json.dumps(_train(json.loads(Path(sys.argv[1]).read_text()))))

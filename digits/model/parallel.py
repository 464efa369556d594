"""Training one network with several processes: each has an equal share of every batch, and all have the same weights.

The processes run Keras on JAX (digits/model/worker.py). This one, on TensorFlow, compares their weights after every
epoch, and makes an ordinary model of the last.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import pandas as pd
import tensorflow as tf
from filelock import FileLock, Timeout

from digits import paths
from digits.arrays import StoredArray
from digits.errors import DigitsError
from digits.files import sha256_file, write_json
from digits.model.crew import Crew, Here, Places
from digits.model.fit import Training, compile_model, threshold_of, training_of
from digits.model.kept import Kept, put, read, state_file
from digits.model.network import build_model
from digits.model.share import Share
from digits.model.worker import JOB, STATE
from digits.workers.nodes import places

if TYPE_CHECKING:
    from digits.params import TrainParams

Arrays = tuple[StoredArray, StoredArray]


def train_together(
    params: TrainParams,
    train: Arrays,
    validation: Arrays,
    on_epoch: Callable[[int, dict[str, float]], None],
    address: str = "",
) -> tuple[keras.Model, Training]:
    """Build and train a network with `params.workers` processes. One that was interrupted goes on.

    Args:
        params: section `train`.
        train: images uint8 (n, side, side) and one-hot labels float32 (n, classes), which the processes read from
            their files.
        validation: the same for the validation images.
        on_epoch: as for `fit`; it is told of the epochs of an interrupted training, too.
        address: of a Ray cluster, on whose nodes the processes run; empty for this machine.

    Returns:
        The model, compiled as `fit` compiles it, and its training.

    Raises:
        DigitsError: there are too few images; the same training runs already; a process died or refused; the
            processes came to different weights; or as `places`.
    """
    steps = Share(0, params.workers).steps(len(train[0]), params.batch_size)
    if not steps or len(validation[0]) < params.workers:
        raise DigitsError(f"train.workers = {params.workers}: there are too few images for so many")
    folder = paths.state() / "parallel" / identity(params, train, validation)[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.with_suffix(".lock"), timeout=0):
            folder.mkdir(exist_ok=True)
            kept = _train(folder, params, train, validation, on_epoch, address)
            model = _model_of(kept, params, steps, train)
            shutil.rmtree(folder)
    except Timeout:
        raise DigitsError("another process trains the same network on the same data: wait for its end") from None
    return model, training_of(pd.DataFrame(kept.epochs), params, _reason(params, kept.epochs))


def identity(params: TrainParams, train: Arrays, validation: Arrays) -> str:
    """SHA-256 of all that decides what a training does, as 64 hex digits. A state of another one is not gone on from.

    Args:
        params: as for `train_together`.
        train: likewise.
        validation: likewise.
    """
    digest = hashlib.sha256(params.model_dump_json().encode())
    libraries = {name: version(name) for name in ("jax", "jaxlib", "numpy")}
    digest.update(f"{libraries} {keras.__version__} {tf.__version__}".encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    for array in (*train, *validation):
        digest.update(sha256_file(array.path).encode())
    return digest.hexdigest()


def _train(
    folder: Path,
    params: TrainParams,
    train: Arrays,
    validation: Arrays,
    on_epoch: Callable[[int, dict[str, float]], None],
    address: str,
) -> Kept:
    """Do what is left of a training. Returns the state after its last epoch."""
    state = folder / STATE
    kept = read(state)
    for epoch in kept.epochs:
        on_epoch(epoch["epoch"], _metrics(epoch))
    done = len(kept.epochs)
    if done == params.epochs or _reason(params, kept.epochs):
        return kept
    if done:
        print(f"train: goes on after epoch {done}", flush=True)
    data = [[str(array.path) for array in split] for split in (train, validation)]
    job = {"params": params.model_dump(mode="json"), "data": data, "done": done}
    way_out = f"the same command again goes on after epoch {done}" if done else "the same command again begins anew"
    with _room(params, address) as room:
        write_json(folder / JOB, {**job, "coordinator": room.coordinator})
        _watch(Crew(folder, room, way_out), folder, params, on_epoch)
    return read(state)


def _room(params: TrainParams, address: str) -> AbstractContextManager[Places]:
    if not address:
        return nullcontext(Here(params.workers))
    return places(address, params.workers, params.threads, Path.cwd())


def _watch(crew: Crew, folder: Path, params: TrainParams, on_epoch: Callable[[int, dict[str, float]], None]) -> None:
    """Tell of each epoch and keep its state, until the training ends. The crew ends with it."""
    with crew:
        for epoch in crew.epochs():
            number = int(epoch.pop("epoch"))
            # It is known now that all have these weights.
            state_file(folder, number).replace(folder / STATE)
            crew.way_out = f"the same command again goes on after epoch {number}"
            shown = ", ".join(f"{name} {value:.4f}" for name, value in epoch.items())
            print(f"train: epoch {number}/{params.epochs}, {params.workers} workers: {shown}", flush=True)
            on_epoch(number, epoch)


def _model_of(kept: Kept, params: TrainParams, steps: int, train: Arrays) -> keras.Model:
    """The network with the weights and the optimizer of a state, in this process."""
    keras.utils.set_random_seed(params.seed)
    model = build_model(params.model, train[1].shape[1], train[0].shape[1])
    compile_model(model, params, steps)
    put(model, kept.values)
    return model


def _reason(params: TrainParams, epochs: list[dict[str, Any]]) -> str | None:
    """Why the training ended with the last of these epochs; None if the threshold did not end it."""
    if not epochs:
        return None
    return threshold_of(params).reason_after(epochs[-1]["epoch"] - 1, _metrics(epochs[-1]))


def _metrics(epoch: dict[str, Any]) -> dict[str, float]:
    return {name: value for name, value in epoch.items() if name != "epoch"}

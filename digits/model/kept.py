"""The state of a training after an epoch, as a file: all that a process needs to go on from there to the last bit."""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from digits.arrays import write_npz
from digits.files import atomic_path

_EPOCHS = "epochs"


class Kept(NamedTuple):
    """A state that was read.

    Attributes:
        epochs: the metrics of each epoch so far, with its number (from 1) as `epoch`.
        values: of the variables, in the order of `variables`.
    """

    epochs: list[dict[str, Any]]
    values: list[np.ndarray]


class KeepEpochs(keras.callbacks.Callback):
    """Puts the state of an earlier process into the model, and says after each epoch what the state is."""

    def __init__(self, begin: Kept, report: Callable[[dict[str, Any], str], None], folder: Path | None) -> None:
        """Take part in a training.

        Args:
            begin: the state to go on from; with no epochs: a new training.
            report: called after every epoch with its metrics and the SHA-256 of the state.
            folder: takes the state after every epoch, before that is reported, as `state_file` says; None for none.
        """
        super().__init__()
        self._begin, self._report, self._folder = begin, report, folder
        self._epochs = list(begin.epochs)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Go on from the state."""
        if self._begin.epochs:
            put(self.model, self._begin.values)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep the state and report it. With a loss that is no number, there is nothing to keep."""
        logs = {name: float(value) for name, value in (logs or {}).items()}
        if not np.isfinite(list(logs.values())).all():
            return
        self._epochs.append({"epoch": epoch + 1, **logs})
        values = [variable.numpy() for variable in variables(self.model)]
        if self._folder:
            write(state_file(self._folder, epoch + 1), Kept(self._epochs, values))
        self._report(self._epochs[-1], digest(values))


def state_file(folder: Path, epoch: int) -> Path:
    """Where a worker writes the state after an epoch, counted from 1."""
    return folder / f"epoch-{epoch}.npz"


def variables(model: keras.Model) -> list[Any]:
    """All that changes in a training: weights, states of random numbers, and those of the optimizer."""
    return [*model.trainable_variables, *model.non_trainable_variables, *model.optimizer.variables]


def put(model: keras.Model, values: list[np.ndarray]) -> None:
    """Set all variables of a compiled model.

    Raises:
        ValueError: the values are those of another network.
    """
    model.optimizer.build(model.trainable_variables)
    for variable, value in zip(variables(model), values, strict=True):
        # The states of random numbers have other types in JAX and in TensorFlow.
        variable.assign(value.astype(variable.dtype))


def digest(values: list[np.ndarray]) -> str:
    """SHA-256 of the values, as 64 hex digits."""
    found = hashlib.sha256()
    for value in values:
        found.update(f"{value.dtype.str}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    return found.hexdigest()


def write(path: Path, kept: Kept) -> None:
    """Write a state, atomically."""
    epochs = np.frombuffer(json.dumps(kept.epochs).encode(), np.uint8)
    with atomic_path(path) as part:
        write_npz(part, {_EPOCHS: epochs, **{f"{number:04}": value for number, value in enumerate(kept.values)}})


def read(path: Path) -> Kept:
    """Read a state. One that is not there or cannot be read is that of a new training."""
    if not path.is_file():
        return Kept([], [])
    try:
        with np.load(path) as found:
            epochs = json.loads(found[_EPOCHS].tobytes())
            return Kept(epochs, [found[name] for name in found.files if name != _EPOCHS])
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        print(f"train: {path} cannot be read: the training begins anew", file=sys.stderr)
        return Kept([], [])

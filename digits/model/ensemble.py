"""What a training leaves: one network, the average of several, or a student that learned from the answers of those."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import pandas as pd

from digits.arrays import Rows, chunks
from digits.model.fit import Part, Training, fit
from digits.model.network import build_model

if TYPE_CHECKING:
    from digits.params import ModelParams, TrainParams


def train_model(
    params: TrainParams,
    train: tuple[Rows, Rows],
    validation: tuple[Rows, Rows],
    on_epoch: Callable[[int, dict[str, float]], None],
) -> tuple[keras.Model, Training]:
    """Build and train all networks that section `train` asks for, one after the other.

    Args:
        params: section `train`. Member i of an ensemble has the seed `seed` + i, the student the one after the last.
        train: images uint8 (n, side, side) and one-hot labels float32 (n, classes).
        validation: the same for the validation images.
        on_epoch: as for `fit`. The epochs of all networks are counted through.

    Returns:
        The model that is kept, and its training: the epochs of all networks, one after the other.

    Raises:
        DigitsError: as `fit`.
    """
    done: list[Training] = []

    def network(number: int, teacher: keras.Model | None = None) -> keras.Model:
        before = sum(len(training.history) for training in done)
        shape, options = one_network(params, number)
        model, training = train_network(
            shape, options, train, validation, lambda epoch, logs: on_epoch(before + epoch, logs), teacher
        )
        done.append(training)
        return model

    model = average([network(number) for number in range(params.members)])
    if params.student.epochs:
        model = network(params.members, teacher=model)
    if len(done) == 1:
        return model, done[0]
    history = pd.concat([training.history for training in done], ignore_index=True)
    history["epoch"] = np.arange(1, len(history) + 1)
    last = done[-1].last
    reason = f"{len(done)} networks trained; the last: {done[-1].reason}"
    if not params.student.epochs:
        last |= _scores(model, *validation)
    return model, Training(history, done[-1].stopped, reason, last)


def one_network(params: TrainParams, number: int) -> tuple[ModelParams, TrainParams]:
    """The shape of a network, and how it is fitted: that of a member from 0 on, after them that of the student."""
    shape = params.model if number < params.members else params.student
    epochs = params.epochs if number < params.members else params.student.epochs
    return shape, params.model_copy(update={"epochs": epochs, "seed": (params.seed + number) % 2**32})


def train_network(
    shape: ModelParams,
    options: TrainParams,
    train: tuple[Rows, Rows],
    validation: tuple[Rows, Rows],
    on_epoch: Callable[[int, dict[str, float]], None],
    teacher: keras.Model | None = None,
    backup: Path | None = None,
    part: Part | None = None,
) -> tuple[keras.Model, Training]:
    """Build and train a single network. Its weights depend on the arguments alone, not on what was trained before.

    Args:
        shape: of the network, from `one_network`.
        options: how it is fitted, likewise.
        train: as for `train_model`.
        validation: likewise.
        on_epoch: as for `fit`.
        teacher: as for `fit`.
        backup: as for `fit`.
        part: as for `fit`.
    """
    keras.utils.set_random_seed(options.seed)
    model = build_model(shape, train[1].shape[1], train[0].shape[1])
    return model, fit(model, train, validation, options, on_epoch, teacher, backup, part)


def average(members: list[keras.Model]) -> keras.Model:
    """A model whose probabilities are the mean of those of its members. One member is its own mean."""
    if len(members) == 1:
        return members[0]
    pixels = keras.Input(members[0].input_shape[1:], dtype="uint8", name="pixels")
    for number, member in enumerate(members, 1):
        member.name = f"member_{number}"
    probabilities = keras.layers.Average(name="probabilities")([member(pixels) for member in members])
    return keras.Model(pixels, probabilities, name="digits")


def _scores(model: keras.Model, images: Rows, labels: Rows) -> dict[str, float]:
    """Accuracy and log-loss of a model that no epoch has measured, on the validation images."""
    right, loss = 0, 0.0
    for start, pixels in chunks(images, 1000):
        answers, actual = np.asarray(model(pixels)), np.asarray(labels[start : start + len(pixels)])
        right += int((answers.argmax(axis=1) == actual.argmax(axis=1)).sum())
        loss -= float(np.log(np.maximum((answers * actual).sum(axis=1), keras.config.epsilon())).sum())
    return {"val_accuracy": round(right / len(images), 6), "val_loss": round(loss / len(images), 6)}

"""Training the network: the optimiser, the callback that stops at a threshold, and one row of history an epoch."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import keras
import numpy as np
import pandas as pd

from digits.arrays import Rows
from digits.errors import DigitsError
from digits.model.augment import changed_batches, is_on
from digits.model.feed import batches, ready, rows_in_order, shuffled_rows
from digits.model.normalise import fuse_normalisation
from digits.model.share import WHOLE, Share

if TYPE_CHECKING:
    import tensorflow as tf

    from digits.params import TrainParams


_STEPS_AT_A_TIME = 64
# It limits the memory for activations.
_VALIDATION_BATCH = 1000
# More bytes of images stay in their file. To read them there costs a batch of 32 a hundredth of its time.
_MOST_IN_MEMORY = 256 * 2**20
# The share of all steps in which the learning rate rises, with schedule cosine.
_WARM_UP = 0.25


class MetricThreshold(keras.callbacks.Callback):
    """Ends training after the first epoch in which a metric is beyond a threshold."""

    def __init__(self, monitor: str, threshold: float, mode: str = "max") -> None:
        """Watch a metric.

        Args:
            monitor: name of the metric in the epoch's logs, such as "accuracy" or "val_loss".
            threshold: a metric equal to it does not stop the training.
            mode: "max" stops above the threshold, "min" below it.
        """
        super().__init__()
        self.monitor = monitor
        self.threshold = threshold
        self.sign, self.beyond = (">", operator.gt) if mode == "max" else ("<", operator.lt)
        self.reason: str | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Stop if the metric is beyond the threshold.

        Raises:
            DigitsError: as `reason_after`.
        """
        self.reason = self.reason_after(epoch, logs or {})
        if self.reason:
            self.model.stop_training = True

    def reason_after(self, epoch: int, logs: dict[str, float]) -> str | None:
        """Why a training ends after an epoch; None if it goes on.

        Args:
            epoch: its number, from 0.
            logs: its metrics.

        Raises:
            DigitsError: the metric does not exist; the message lists those that do.
        """
        if self.monitor not in logs:
            raise DigitsError(
                f"train.stop.monitor = {self.monitor}: no such metric, there are {', '.join(sorted(logs))}"
            )
        value = float(logs[self.monitor])
        if not self.beyond(value, self.threshold):
            return None
        return f"{self.monitor} {value:.4f} {self.sign} {self.threshold} after epoch {epoch + 1}"


@dataclass(frozen=True)
class Training:
    """The outcome of a training.

    Attributes:
        history: one row an epoch, with the columns epoch (from 1), accuracy, loss, val_accuracy, val_loss.
        stopped: whether the callback ended it.
        reason: why it ended, for a person.
        last: the metrics of the model as it is kept, by the names of the history.
    """

    history: pd.DataFrame
    stopped: bool
    reason: str
    last: dict[str, float]


class Part(NamedTuple):
    """What one of several processes that train a network together needs beside the rest.

    Attributes:
        share: of each batch.
        done: epochs that an earlier training has done.
        keep: callbacks that put the state after those into the model, and keep it after each further epoch.
    """

    share: Share
    done: int
    keep: list[keras.callbacks.Callback]


def fit(
    model: keras.Model,
    train: tuple[Rows, Rows],
    validation: tuple[Rows, Rows],
    params: TrainParams,
    on_epoch: Callable[[int, dict[str, float]], None],
    teacher: keras.Model | None = None,
    backup: Path | None = None,
    part: Part | None = None,
) -> Training:
    """Train a model in place, with categorical cross-entropy.

    Args:
        model: from uint8 (n, 28, 28) to probabilities (n, classes).
        train: images uint8 (n, 28, 28) and one-hot labels float32 (n, classes).
        validation: the same for the validation images. They are measured after every epoch and never trained on.
        params: section `train`.
        on_epoch: called after every epoch with its number (from 1) and metrics.
        teacher: a model whose probabilities for each batch are learned instead of the labels: L. Beyer et al.,
            "Knowledge distillation: A good teacher is patient and consistent", CVPR 2022.
        backup: a folder that takes the state after every epoch. A training that finds one there goes on from it: its
            history begins with the epoch after, and its random numbers are those of the first epochs again.
        part: where several processes train together, this one's part of it.

    Raises:
        DigitsError: the monitored metric does not exist, or the loss is not a number any more.
    """
    train, validation = _at_hand(*train), _at_hand(*validation)
    share, done = (part.share, part.done) if part else (WHOLE, 0)
    steps = share.steps(len(train[0]), params.batch_size)
    compile_model(model, params, steps)
    threshold = threshold_of(params)
    report = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: on_epoch(epoch + 1, logs))
    fitted = model.fit(
        _training_batches(train, params, steps, teacher, share, done),
        # Endless batches need to know where an epoch ends.
        steps_per_epoch=steps if is_on(params.augment) else None,
        validation_data=_validation_batches(validation, share),
        epochs=params.epochs,
        initial_epoch=done,
        # The batches come shuffled already.
        shuffle=False,
        # An epoch is reported before its state is kept: of a training that is killed between, it comes again.
        callbacks=[report, threshold, keras.callbacks.TerminateOnNaN(), *(part.keep if part else _backup(backup))],
        # A terminal gets a progress bar, a log one line an epoch.
        verbose=0 if part else 1 if sys.stdout.isatty() else 2,
    )
    history = pd.DataFrame(fitted.history)
    history.insert(0, "epoch", [epoch + 1 for epoch in fitted.epoch])
    return training_of(history, params, threshold.reason)


def compile_model(model: keras.Model, params: TrainParams, steps: int) -> None:
    """Give a model its loss and its optimizer, and the faster way to normalise batches.

    Args:
        model: from uint8 images to probabilities.
        params: section `train`.
        steps: how many batches an epoch has.
    """
    fuse_normalisation(model)
    model.compile(
        optimizer=_optimizer(params, steps * params.epochs),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        # The same bits as one step at a time, without Python between two steps.
        steps_per_execution=min(steps, _STEPS_AT_A_TIME),
    )


def threshold_of(params: TrainParams) -> MetricThreshold:
    """What ends a training early, as section `train` says."""
    return MetricThreshold(params.stop.monitor, params.stop.threshold, params.stop.mode)


def training_of(history: pd.DataFrame, params: TrainParams, reason: str | None) -> Training:
    """The outcome of epochs that are done.

    Args:
        history: one row an epoch, as in `Training`, in full precision.
        params: section `train`.
        reason: why the threshold ended it; None if it did not.

    Raises:
        DigitsError: the loss is not a number any more.
    """
    history = history.round(6)
    if not np.isfinite(history.to_numpy()).all() or len(history) == 0:
        raise DigitsError(
            f"the loss is not a number any more with train.learning_rate = {params.learning_rate}: try a smaller one"
        )
    last = {str(metric): float(value) for metric, value in history.iloc[-1].drop("epoch").items()}
    never = f"all {params.epochs} epochs done, {params.stop.monitor} never beyond the threshold"
    return Training(history, reason is not None, reason or never, last)


def _backup(folder: Path | None) -> list[keras.callbacks.Callback]:
    # It stays at the end: who started the training removes it, when the outcome is safe.
    if folder is None:
        return []
    return [keras.callbacks.BackupAndRestore(str(folder), double_checkpoint=True, delete_checkpoint=False)]


def _training_batches(
    train: tuple[Rows, Rows], params: TrainParams, steps: int, teacher: keras.Model | None, share: Share, done: int
) -> tf.data.Dataset:
    """Batches of training images, shuffled, with what is to be learned: the labels or a teacher's probabilities."""
    if is_on(params.augment):
        found = changed_batches(*train, params.augment, params.batch_size, params.seed, share)
        # The images of each epoch are others. Without augment, every epoch has the same batches.
        found = found.skip(done * steps) if done else found
    else:
        rows = shuffled_rows(len(train[0]), params.batch_size)
        found = batches(share.of_rows(rows, steps), *train, steps)
    if teacher is None:
        return found
    return ready(found.map(lambda pixels, _: (pixels, teacher(pixels, training=False))))


def _validation_batches(validation: tuple[Rows, Rows], share: Share) -> tf.data.Dataset:
    """Batches of validation images, in order, which can be shared equally."""
    count, size = len(validation[0]), _VALIDATION_BATCH // share.workers * share.workers
    steps = share.steps(count, size)
    return batches(share.of_rows(rows_in_order(count, size), steps), *validation, steps)


def _at_hand(images: Rows, labels: Rows) -> tuple[Rows, np.ndarray]:
    """Labels in memory, and images too if they are few."""
    return np.asarray(images) if images.nbytes <= _MOST_IN_MEMORY else images, np.asarray(labels)


def _optimizer(params: TrainParams, steps: int) -> keras.Optimizer:
    """The optimizer for a training of so many steps."""
    rate: float | keras.optimizers.schedules.LearningRateSchedule = params.learning_rate
    if params.schedule == "cosine":
        rise = max(1, round(_WARM_UP * steps))
        rate = keras.optimizers.schedules.CosineDecay(
            params.learning_rate / 10, max(1, steps - rise), warmup_target=params.learning_rate, warmup_steps=rise
        )
    config = {"learning_rate": rate}
    if params.optimizer in ("adam", "adamw", "nadam"):
        config["beta_2"] = params.beta_2
    return keras.optimizers.get({"class_name": params.optimizer, "config": config})

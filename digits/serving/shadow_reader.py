"""The process of a shadow: a model that reads what another one has answered, and logs what it would have said.

A process of its own and of the lowest priority, so that neither its work nor its end is felt by those who ask.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from digits.pictures.read import threshold_of
from digits.serving.follow import Live, reason

if TYPE_CHECKING:
    from digits.registry.model import Model
    from digits.serving.log import ServedLog

_NICE = 19
# The activations of more images do not fit in the processor's caches: 500 take seven times as long an image.
_BATCH = 10


class Facts(NamedTuple):
    """What must be known of two models before one reads what the other has answered."""

    title: str
    sha256: str
    side: int
    classes: tuple[str, ...]


class Task(NamedTuple):
    """What the process needs to begin. The server sends it first."""

    resolve: Callable[[], Model]
    folder: Path
    keep: float
    refresh: float


class Batch(NamedTuple):
    """Rows of the log that a model has answered.

    Attributes:
        served: that model.
        ids: of the rows.
        pixels: uint8 (n, side, side).
        probabilities: float32 (n, classes), the answers.
    """

    served: Facts
    ids: list[str]
    pixels: np.ndarray
    probabilities: np.ndarray


class Reply(NamedTuple):
    """What became of a batch: the shadow's model, how many images it read, and in how many it disagreed."""

    shadow: Facts
    read: int
    disagreed: int


class ShadowModel:
    """A loaded model."""

    def __init__(self, model: Model) -> None:
        """Load a model and classify one blank image.

        Raises:
            DigitsError: the file is missing or not a Keras model, or the names beside it are not those of its classes.
        """
        from digits.model.classifier import load_classifier

        self.classify = load_classifier(model.file(), threads=1)
        names = model.results.names_of(self.classify.classes)
        self.facts = Facts(model.title, model.sha256, self.classify.side, tuple(names))
        self.number = model.number
        self.not_sure_below = threshold_of(model.results)
        self.classify(np.zeros((1, self.classify.side, self.classify.side), np.uint8))


class Reader:
    """Reads batches and logs the answers."""

    def __init__(self, live: Live[ShadowModel], log: ServedLog) -> None:
        self._live, self._log = live, log
        self._trouble = ""

    @property
    def facts(self) -> Facts:
        """Of the present model."""
        return self._live.current.facts

    def read(self, batch: Batch) -> Reply:
        """Read a batch. Whatever goes wrong is one line on standard error, until it is over."""
        shadow = self._live.current
        trouble = misfit(shadow.facts, batch.served)
        disagreed = 0
        if not trouble:
            try:
                probabilities = shadow.classify(batch.pixels, _BATCH)
            # A model may raise anything. It must not end what the next one could read.
            except Exception as error:  # noqa: BLE001
                trouble = reason(error)
            else:
                sure = (probabilities.max(axis=1) >= shadow.not_sure_below).tolist()
                served = batch.served.sha256, batch.probabilities
                self._log.shadow(batch.ids, shadow.facts.sha256, shadow.number, probabilities, sure, *served)
                disagreed = int((probabilities.argmax(axis=1) != batch.probabilities.argmax(axis=1)).sum())
        if trouble and trouble != self._trouble:
            print(f"digits: the shadow {shadow.facts.title} does not read: {trouble}", file=sys.stderr)
        self._trouble = trouble
        return Reply(shadow.facts, 0 if trouble else len(batch.ids), disagreed)


def misfit(shadow: Facts, served: Facts) -> str:
    """Why a model cannot be the shadow of another, or an empty string."""
    if shadow.side != served.side:
        return f"it takes images of {_square(shadow.side)}, {served.title} those of {_square(served.side)}"
    if shadow.classes != served.classes:
        return f"its classes are {_listed(shadow.classes)}, those of {served.title} {_listed(served.classes)}"
    return "it is the model that is served" if shadow.sha256 == served.sha256 else ""


def main(number: int) -> None:
    """Read until the server says that it ends, or has ended.

    Args:
        number: of the file descriptor of the connection to it.
    """
    from digits.serving.log import ServedLog

    # A service manager stops all processes of a service. This one ends after the server, when it has read all.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(_NICE)
    with Connection(number) as server:
        task: Task = server.recv()
        try:
            live = Live(task.resolve, ShadowModel, "shadowed by")
            log = ServedLog(task.folder, "serve", task.keep)
        # The client of a registry may raise anything. The server says it in its own words.
        except Exception as error:  # noqa: BLE001
            server.send(reason(error))
            return
        live.watch(task.refresh)
        read_on(server, Reader(live, log))
        log.close()


def read_on(server: Connection, reader: Reader) -> None:
    """Read what the server sends, and reply to each batch.

    Args:
        server: the connection. The first message through it is the facts of the shadow's model.
        reader: of the batches.
    """
    try:
        server.send(reader.facts)
        while batch := server.recv():
            server.send(reader.read(batch))
    # It was killed.
    except (EOFError, OSError):
        return


def _square(side: int) -> str:
    return f"{side}×{side}"


def _listed(names: tuple[str, ...]) -> str:
    """At most the first ten."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")

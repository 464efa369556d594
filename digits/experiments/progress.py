"""How far the trainings of a search are, by the files in their folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digits.experiments.trial import DONE, ENDED, FAILED, begun, known_epochs
from digits.experiments.tune import METRIC
from digits.files import read_json, write_json

# What became of a training, in words for people.
RUNNING, FINISHED, STOPPED, BROKEN = "running", "finished", "stopped early", "failed"


@dataclass(frozen=True)
class Progress:
    """One training.

    Attributes:
        name: of its folder.
        number: from 1, in the order in which trainings began.
        settings: what it lays over params.yaml, key → value as text.
        epochs: a line for each that is done, with `epoch`, `seconds` and the metrics.
        status: one of `RUNNING`, `FINISHED`, `STOPPED`, `BROKEN`.
        reason: why it failed; else empty.
    """

    name: str
    number: int
    settings: dict[str, str]
    epochs: list[dict[str, Any]]
    status: str
    reason: str = ""

    @property
    def accuracy(self) -> float:
        """The validation accuracy after its last epoch; 0 before the first one, and if it failed."""
        return 0.0 if self.status == BROKEN or not self.epochs else float(self.epochs[-1][METRIC])

    @property
    def seconds(self) -> float:
        """That its epochs took."""
        return float(self.epochs[-1]["seconds"]) if self.epochs else 0.0


def progress_of(folder: Path) -> list[Progress]:
    """The trainings in a folder, in the order in which they began."""
    found = sorted((*start, one.name) for one in folder.glob("*") if (start := begun(one)))
    return [_one(folder / name, number, settings) for number, (_, settings, name) in enumerate(found, 1)]


def end_rest(folder: Path) -> None:
    """Note of all trainings in a folder that still seem to run that they were stopped: nobody waits for them."""
    for one in progress_of(folder):
        if one.status == RUNNING:
            write_json(folder / one.name / ENDED, {"epochs": len(one.epochs)})


def _one(folder: Path, number: int, settings: list[str]) -> Progress:
    reason = read_json(folder / FAILED)["failed"] if (folder / FAILED).is_file() else ""
    if reason:
        status = BROKEN
    elif (folder / DONE).is_file():
        status = FINISHED
    else:
        status = STOPPED if (folder / ENDED).is_file() else RUNNING
    values = dict(one.split("=", 1) for one in settings)
    return Progress(folder.name, number, values, known_epochs(folder), status, reason)

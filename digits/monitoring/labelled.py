"""The served images that a person named, for judging models by them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from digits.data.feedback import pixels_sha256, side_of
from digits.errors import DigitsError
from digits.serving.journal import read_log
from digits.serving.labels import read_labels

if TYPE_CHECKING:
    from digits.model.classifier import Classifier
    from digits.params import EvaluateParams
    from digits.registry.model import Model
    from digits.results import Results


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images with a label, in the order in which they were served.

    Attributes:
        images: uint8 (n, side, side).
        labels: int (n,).
        times: when they were served, UTC (n).
    """

    images: np.ndarray
    labels: np.ndarray
    times: list[datetime.datetime]

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> Labelled:
        """The first of them."""
        return Labelled(self.images[:count], self.labels[:count], self.times[:count])

    def unknown(self, begun: datetime.datetime) -> Labelled:
        """Those that a training on feedback which began then cannot have had."""
        rows = [
            row
            for row, (image, time) in enumerate(zip(self.images, self.times, strict=True))
            if time >= begun or side_of(pixels_sha256(image)) != "train"
        ]
        return Labelled(self.images[rows], self.labels[rows], [self.times[row] for row in rows])

    def right(self, classify: Classifier) -> np.ndarray:
        """Which of them a model gets right: bool (n,)."""
        return classify(self.images).argmax(axis=1) == self.labels


def labelled_images(log: Path, side: int, classes: int, since: datetime.datetime | None = None) -> Labelled:
    """The images of a log, served by any model, of which a person said what they are.

    Args:
        log: its folder.
        side: of the images that count, in pixels.
        classes: number of classes; other labels, and what is no digit, do not count.
        since: served from then on; None for all.

    Raises:
        DigitsError: the log is missing or damaged.
    """
    labels = {row: label.label for row, label in read_labels(log).items() if label.label in range(classes)}
    wanted = pa.array(list(labels), pa.string())
    rows = []
    for table in read_log(log, columns=["id", "time", "side", "pixels"]):
        chosen = pc.and_(pc.is_in(table["id"], wanted), pc.equal(table["side"], side))
        rows += [row for row in table.filter(chosen).to_pylist() if since is None or row["time"] >= since]
    rows.sort(key=lambda row: row["time"])
    images = [np.frombuffer(row["pixels"], np.uint8).reshape(side, side) for row in rows]
    return Labelled(
        np.stack(images) if images else np.zeros((0, side, side), np.uint8),
        np.array([labels[row["id"]] for row in rows], np.int64),
        [row["time"] for row in rows],
    )


def scored_on(models: Sequence[Model], log: Path, params: EvaluateParams) -> list[Results]:
    """What models score on the labelled images of a log, whichever model served them.

    Images that one of the models may have been trained on do not count: those for training of what `digits collect`
    makes, served before that training began.

    Args:
        models: one or more, for images of one size and the same number of classes.
        log: its folder.
        params: section `evaluate`.

    Raises:
        DigitsError: the log or a model cannot be read, the models do other work than the first, or there is no labelled
            image.
    """
    from digits.evaluation.scores import predictions_frame, score
    from digits.model.classifier import load_classifier

    classifiers = [load_classifier(model.file()) for model in models]
    side, classes = classifiers[0].side, classifiers[0].classes
    for model, classify in zip(models, classifiers, strict=True):
        if (classify.side, classify.classes) != (side, classes):
            raise DigitsError(
                f"{model.name} tells {classify.classes} classes apart on images of {classify.side} pixels, "
                f"{models[0].name} {classes} on {side}: they cannot be compared"
            )
    found = labelled_images(log, side, classes)
    if not len(found):
        raise DigitsError(f"{log}: nobody said of an image what it is; `digits label {log}` asks")
    learned = [model.require_run().info.start_time / 1000 for model in models if model.results.extra]
    found = found.unknown(datetime.datetime.fromtimestamp(max(learned, default=0), datetime.UTC))
    if not len(found):
        raise DigitsError(f"{log}: one of the models was trained on all labelled images: label others")
    scored = []
    for model, classify in zip(models, classifiers, strict=True):
        probabilities = classify(found.images, params.batch_size)
        names = model.results.names_of(classes)
        metrics = score(found.labels, probabilities, names, params.confidence, params.calibration_bins)
        scored.append(model.results.scored_anew(metrics, predictions_frame(found.labels, probabilities), str(log)))
    return scored

"""What a model reads in one picture: its digits, their probabilities, and whether each is sure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from digits.pictures.file import Picture
from digits.pictures.find import Digit, find_digits
from digits.pictures.mnist import SIDE
from digits.pictures.prototypes import Prototypes, load_prototypes

if TYPE_CHECKING:
    from digits.model.classifier import Classifier

# Takes pixels uint8 (n, side, side), gives probabilities float32 (n, classes). A `Classifier` is one.
Classify = Callable[[np.ndarray], np.ndarray]

# The threshold for models that have none of their own. It is that of the default parameters' model (seed 42) by
# `digits.evaluation.calibration.not_sure_below`; that model accepts 94.2 % of its 18,000 validation images with it.
NOT_SURE_BELOW = 0.986


class Facts(Protocol):
    """What must be known of a model to read pictures. `digits.results.Results` knows it."""

    @property
    def not_sure_below(self) -> float | None:
        """The threshold; None for a model without such a one."""

    @property
    def prototypes_file(self) -> Path | None:
        """The file of its typical images; None for a model without."""

    def names_of(self, classes: int) -> list[str]:
        """The names of its classes, of which there are so many."""


@dataclass(frozen=True)
class Reader:
    """A model, and what must be known of it to read pictures.

    Attributes:
        classify: the model.
        side: height and width of the images that it takes, in pixels.
        class_names: name of label 0, 1, …
        not_sure_below: the threshold. A reading with a lower probability is not sure.
        prototypes: typical images. A reading unlike all of its class is not sure. None for a model without.
    """

    classify: Classify
    side: int = SIDE
    class_names: Sequence[str] = tuple("0123456789")
    not_sure_below: float = NOT_SURE_BELOW
    prototypes: Prototypes | None = None

    @classmethod
    def of(cls, classifier: Classifier, facts: Facts) -> Reader:
        """The reader of a loaded model.

        Raises:
            DigitsError: the names that lie beside the model are not those of its classes, or its typical images are
                damaged.
        """
        names, file, side = facts.names_of(classifier.classes), facts.prototypes_file, classifier.side
        prototypes = None if file is None else load_prototypes(file, classifier.classes, side)
        return cls(classifier, side, names, threshold_of(facts), prototypes)


@dataclass(frozen=True)
class Reading:
    """One digit as the model reads it.

    Attributes:
        digit: the label of the most probable class.
        name: of that class.
        probability: of that class, 0 to 1.
        runner_up: the label of the second most probable class.
        runner_up_name: its name.
        runner_up_probability: its probability.
        doubt: why the reading is not sure; empty if it is.
        box: left, top, right, bottom in pixels of the upright file.
        pixels: uint8 (side, side), what the model saw.
        probabilities: float32 (classes,).
    """

    digit: int
    name: str
    probability: float
    runner_up: int
    runner_up_name: str
    runner_up_probability: float
    doubt: str
    box: tuple[int, int, int, int]
    pixels: np.ndarray
    probabilities: np.ndarray

    @property
    def sure(self) -> bool:
        """Whether nothing speaks against the reading."""
        return not self.doubt


@dataclass(frozen=True)
class Prediction:
    """The digits of one picture in reading order. There may be none."""

    file: str
    readings: tuple[Reading, ...]
    note: str = ""

    def lines(self) -> list[str]:
        """One line for each digit, or a single line that says that there is none."""
        note = f"  ({self.note})" if self.note else ""
        if not self.readings:
            return [f"{self.file}: no digit found{note}"]
        return [f"{self.file}: {_sentence(reading)}{note}" for reading in self.readings]

    def as_dict(self) -> dict[str, Any]:
        """Everything but the pixels, ready for JSON."""
        digits = [
            {
                "digit": reading.digit,
                "class": reading.name,
                "probability": reading.probability,
                "runner_up": reading.runner_up,
                "runner_up_class": reading.runner_up_name,
                "runner_up_probability": reading.runner_up_probability,
                "sure": reading.sure,
                "doubt": reading.doubt,
                "box": list(reading.box),
                "probabilities": reading.probabilities.tolist(),
            }
            for reading in self.readings
        ]
        return {"file": self.file, "digits": digits, "note": self.note}


def predict(picture: Picture, reader: Reader) -> Prediction:
    """Find and read the digits of a picture.

    Args:
        picture: from `digits.pictures.file.load_picture`.
        reader: a model.
    """
    readings = read_digits(find_digits(picture.grey, reader.side), reader, picture.scale)
    return Prediction(picture.name, readings, picture.note)


def read_digits(digits: Sequence[Digit], reader: Reader, scale: float = 1.0) -> tuple[Reading, ...]:
    """Read digits that were found in a picture.

    Args:
        digits: from `digits.pictures.find.find_digits`.
        reader: a model.
        scale: how many pixels of the file one pixel of their boxes stands for.
    """
    if not digits:
        return ()
    pixels = np.stack([digit.pixels for digit in digits])
    probabilities = reader.classify(pixels)
    readings = []
    for digit, row, doubt in zip(digits, probabilities, doubts(pixels, probabilities, reader), strict=True):
        second, first = (int(label) for label in np.argsort(row, kind="stable")[-2:])
        readings.append(
            Reading(
                digit=first,
                name=reader.class_names[first],
                probability=float(row[first]),
                runner_up=second,
                runner_up_name=reader.class_names[second],
                runner_up_probability=float(row[second]),
                # What the bounds of `doubts` promise holds for whole digits alone.
                doubt=doubt or ("cut from what it touches" if digit.touching else ""),
                box=_scaled(digit.box, scale),
                pixels=digit.pixels,
                probabilities=row,
            )
        )
    return tuple(readings)


def doubts(pixels: np.ndarray, probabilities: np.ndarray, reader: Reader) -> list[str]:
    """Why answers are not sure; empty for one that is.

    Args:
        pixels: uint8 (n, side, side), what the model saw.
        probabilities: float32 (n, classes), what it answered.
        reader: knows the threshold and the typical images.
    """
    labels = probabilities.argmax(axis=1)
    low = probabilities.max(axis=1) < reader.not_sure_below
    strange = reader.prototypes.strange(pixels, labels) if reader.prototypes else np.zeros(len(labels), bool)
    return [
        "low probability" if is_low else f"unlike any {reader.class_names[label]} known" if is_strange else ""
        for label, is_low, is_strange in zip(labels, low, strange, strict=True)
    ]


def threshold_of(facts: Facts) -> float:
    """A model's own threshold, or the default one for a model that has none."""
    return NOT_SURE_BELOW if facts.not_sure_below is None else facts.not_sure_below


def percent(probability: float) -> str:
    """A probability in percent with one decimal. It is never rounded to 0 or 100 %, since no model is that certain."""
    if probability >= 0.9995:
        return ">99.9 %"
    if probability < 0.0005:
        return "<0.1 %"
    return f"{probability:.1%}".replace("%", " %")


def _sentence(reading: Reading) -> str:
    sure = "" if reading.sure else f"  not sure: {reading.doubt}"
    first, second = percent(reading.probability), percent(reading.runner_up_probability)
    return f"{reading.name}  {first}  (next: {reading.runner_up_name}  {second}){sure}"


def _scaled(box: tuple[int, int, int, int], scale: float) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(value * scale) for value in box)
    return left, top, right, bottom

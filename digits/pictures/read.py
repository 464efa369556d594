"""What a model reads in one picture: its digits, their probabilities, and whether each is sure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from digits.pictures.file import Picture
from digits.pictures.find import find_digits
from digits.results import Results

# Takes pixels uint8 (n, 28, 28), gives probabilities float32 (n, classes). `digits.model.classifier.Classifier` is one.
Classify = Callable[[np.ndarray], np.ndarray]

# The threshold for models that have none of their own. It is that of the default parameters' model (seed 42) by
# `digits.evaluation.calibration.not_sure_below`; that model accepts 94.2 % of its 18,000 validation images with it.
NOT_SURE_BELOW = 0.986


@dataclass(frozen=True)
class Reading:
    """One digit as the model reads it.

    Attributes:
        digit: the most probable class.
        probability: of that class, 0 to 1.
        runner_up: the second most probable class.
        runner_up_probability: its probability.
        sure: whether `probability` reaches the threshold.
        box: left, top, right, bottom in pixels of the upright file.
        pixels: uint8 (28, 28), what the model saw.
        probabilities: float32 (classes,).
    """

    digit: int
    probability: float
    runner_up: int
    runner_up_probability: float
    sure: bool
    box: tuple[int, int, int, int]
    pixels: np.ndarray
    probabilities: np.ndarray


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
                "probability": reading.probability,
                "runner_up": reading.runner_up,
                "runner_up_probability": reading.runner_up_probability,
                "sure": reading.sure,
                "box": list(reading.box),
                "probabilities": reading.probabilities.tolist(),
            }
            for reading in self.readings
        ]
        return {"file": self.file, "digits": digits, "note": self.note}


def predict(picture: Picture, classify: Classify, not_sure_below: float = NOT_SURE_BELOW) -> Prediction:
    """Find and read the digits of a picture.

    Args:
        picture: from `digits.pictures.file.load_picture`.
        classify: a model.
        not_sure_below: the threshold. A reading with a lower probability is not sure.
    """
    digits = find_digits(picture.grey)
    if not digits:
        return Prediction(picture.name, (), picture.note)
    probabilities = classify(np.stack([digit.pixels for digit in digits]))
    readings = []
    for digit, row in zip(digits, probabilities, strict=True):
        second, first = np.argsort(row, kind="stable")[-2:]
        readings.append(
            Reading(
                digit=int(first),
                probability=float(row[first]),
                runner_up=int(second),
                runner_up_probability=float(row[second]),
                sure=bool(row[first] >= not_sure_below),
                box=_scaled(digit.box, picture.scale),
                pixels=digit.pixels,
                probabilities=row,
            )
        )
    return Prediction(picture.name, tuple(readings), picture.note)


def threshold_of(results: Results) -> float:
    """A model's own threshold, or the default one for a model that has none."""
    return NOT_SURE_BELOW if results.not_sure_below is None else results.not_sure_below


def percent(probability: float) -> str:
    """A probability in percent with one decimal. It is never rounded to 0 or 100 %, since no model is that certain."""
    if probability >= 0.9995:
        return ">99.9 %"
    if probability < 0.0005:
        return "<0.1 %"
    return f"{probability:.1%}".replace("%", " %")


def _sentence(reading: Reading) -> str:
    sure = "" if reading.sure else "  not sure"
    first, second = percent(reading.probability), percent(reading.runner_up_probability)
    return f"{reading.digit}  {first}  (next: {reading.runner_up}  {second}){sure}"


def _scaled(box: tuple[int, int, int, int], scale: float) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(value * scale) for value in box)
    return left, top, right, bottom

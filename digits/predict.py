"""From pictures to answers: which digits a picture shows, and whether to believe it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from digits.picture import SUFFIXES, Picture, PictureError, find_digits, load_picture, shown

# Pixels uint8 (n, 28, 28) in, probabilities float32 (n, classes) out: `digits.inference.Classifier` is one.
Classify = Callable[[np.ndarray], np.ndarray]

# For models that carry no threshold of their own: `digits.scores.not_sure_below` of the default parameters' model (seed
# 42) on its 18,000 validation images, of which it accepts 94.2 %.
NOT_SURE_BELOW = 0.986

EXPLAINED = "-explained.png"


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
    """What one picture shows: its digits in reading order, none if there is none."""

    file: str
    readings: tuple[Reading, ...]
    note: str = ""

    def lines(self) -> list[str]:
        """One line a digit, or one that says there is none."""
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
        picture: from `load_picture`.
        classify: a model.
        not_sure_below: probability under which a reading is marked as not sure.
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


def threshold_of(metrics: dict[str, Any] | None) -> float:
    """A model's own threshold, stored as `not_sure_below` among its metrics, or the default one."""
    return float((metrics or {}).get("not_sure_below", NOT_SURE_BELOW))


def expand(arguments: Iterable[str]) -> Iterator[str]:
    """Replace each folder by the pictures in it, sorted by name, and leave everything else as it is.

    Explanations of an earlier call are left out.
    """
    for argument in arguments:
        if argument != "-" and Path(argument).is_dir():
            pictures = (path for path in Path(argument).iterdir() if path.suffix.lower() in SUFFIXES)
            files = sorted(path for path in pictures if not path.name.endswith(EXPLAINED))
            # A folder without pictures stays, so that `load` says so.
            yield from [str(path) for path in files] or [argument]
        else:
            yield argument


def load(argument: str, stdin: Callable[[], bytes]) -> Picture:
    """Load the picture that a command-line argument names; `-` is standard input.

    Raises:
        PictureError: as `load_picture`; or a folder without pictures.
    """
    if argument == "-":
        return load_picture(stdin(), "standard input")
    if Path(argument).is_dir():
        raise PictureError(f"{shown(argument)}: no picture in this folder ({', '.join(sorted(SUFFIXES))})")
    return load_picture(argument)


def explanation_path(folder: Path | str, argument: str, taken: set[Path]) -> Path:
    """Where the explanation of a picture goes: `<stem>-explained.png`, numbered if that is taken.

    Args:
        folder: of the explanations.
        argument: the picture's path, or `-`.
        taken: resolved paths that must not be written to; the result is added.
    """
    stem = "stdin" if argument == "-" else shown(Path(argument).stem)
    path, number = Path(folder) / f"{stem}{EXPLAINED}", 2
    while path.resolve() in taken:
        path, number = Path(folder) / f"{stem}-{number}{EXPLAINED}", number + 1
    taken.add(path.resolve())
    return path


def predict_all(
    arguments: Iterable[str],
    classify: Classify,
    threshold: float,
    stdin: Callable[[], bytes],
    explain_folder: Path | None = None,
) -> Iterator[Prediction | PictureError]:
    """Read pictures one after the other; a bad one gives its error and the rest are still done.

    Args:
        arguments: files, folders or `-`.
        classify: a model.
        threshold: see `predict`.
        stdin: reads all of standard input.
        explain_folder: where to write an explaining picture for each, or None.
    """
    files = list(expand(arguments))
    # A picture of the user's is never written over, whatever its name.
    taken = {Path(file).resolve() for file in files}
    for argument in files:
        try:
            picture = load(argument, stdin)
        except PictureError as error:
            yield error
            continue
        prediction = predict(picture, classify, threshold)
        if explain_folder is not None:
            from digits.explain import draw_explanation

            draw_explanation(picture, prediction, classify, explanation_path(explain_folder, argument, taken))
        yield prediction


def _sentence(reading: Reading) -> str:
    sure = "" if reading.sure else "  not sure"
    first, second = percent(reading.probability), percent(reading.runner_up_probability)
    return f"{reading.digit}  {first}  (next: {reading.runner_up}  {second}){sure}"


def percent(probability: float) -> str:
    """A probability in percent that is not rounded to a certainty that no model has."""
    if probability >= 0.9995:
        return ">99.9 %"
    if probability < 0.0005:
        return "<0.1 %"
    return f"{probability:.1%}".replace("%", " %")


def _scaled(box: tuple[int, int, int, int], scale: float) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(value * scale) for value in box)
    return left, top, right, bottom

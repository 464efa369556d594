"""Labelled pictures in a folder of one's own: what a model reads in them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from digits.errors import DigitsError
from digits.pictures.file import load_picture
from digits.pictures.find import find_digits
from digits.pictures.read import Reader, read_digits

if TYPE_CHECKING:
    from digits.model.classifier import Classifier

# A truth that says nothing about digits: somebody has to look, or it is no picture.
_UNCOUNTED = ("?", "error")


class Pictures:
    """Labelled pictures, with the digits in them found once: no model changes where they are."""

    def __init__(self, folder: Path, side: int) -> None:
        """Read them.

        Args:
            folder: of the pictures, with a labels.csv.
            side: of the images that the models take.

        Raises:
            DigitsError: as `read_labels`, or as `load_picture`.
        """
        rows = [row for row in read_labels(folder) if row["truth"] not in _UNCOUNTED]
        self.truths = [row["truth"].replace(" ", "") for row in rows]
        self.digits = [find_digits(load_picture((folder / row["file"]).read_bytes()).grey, side) for row in rows]

    def shares(self, classify: Classifier) -> dict[str, float]:
        """The share of `pictures` that a model reads wholly right, and of those with one digit (`picture_digits`)."""
        pixels = [np.array([digit.pixels for digit in digits]) for digits in self.digits]
        answers = ["".join(map(str, classify(each).argmax(axis=1))) if len(each) else "" for each in pixels]
        right = np.array([agrees(answer, truth) for answer, truth in zip(answers, self.truths, strict=True)])
        single = np.array([len(truth) == 1 and truth.isdigit() for truth in self.truths])
        shares = {"pictures": right, "picture_digits": right[single]}
        return {name: float(values.mean()) for name, values in shares.items() if len(values)}

    def counts(self, reader: Reader) -> list[dict[str, Any]]:
        """How many are read rightly, and of how many a model is sure: a row for one digit, for several and for none.

        Args:
            reader: a model with its threshold and its typical images.
        """
        kinds = ["none" if truth == "none" else "one" if len(truth) == 1 else "several" for truth in self.truths]
        found = [read_digits(digits, reader) for digits in self.digits]
        rows = []
        for kind in ("one", "several", "none"):
            own = [
                (agrees("".join(str(one.digit) for one in readings), truth), [one.sure for one in readings])
                for readings, truth, is_kind in zip(found, self.truths, kinds, strict=True)
                if is_kind == kind
            ]
            rows.append(
                {
                    "digits": kind,
                    "pictures": len(own),
                    "read rightly": sum(right for right, _ in own),
                    "and sure of all": sum(right and all(sure) for right, sure in own if sure),
                    "wrong, and sure of all": sum(not right and all(sure) for right, sure in own if sure),
                    "sure of none": sum(not any(sure) for _, sure in own),
                }
            )
        return rows


def read_labels(folder: Path) -> list[dict[str, str]]:
    """The rows of labels.csv, with `file` and `truth` among their columns.

    A truth is the digits in reading order, blanks between rows; `none` for no digit; `*` and a digit for that digit any
    number of times; `?` and `error` do not count.

    Raises:
        DigitsError: there is none, or it lacks these columns.
    """
    path = folder / "labels.csv"
    if not path.is_file():
        raise DigitsError(f"{folder}: there is no labels.csv with the columns file and truth")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"file", "truth"} <= rows[0].keys():
        raise DigitsError(f"{path}: the columns file and truth are expected")
    return rows


def agrees(answer: str, truth: str) -> bool:
    """Whether the digits that were read are those of a truth as in labels.csv, without blanks."""
    if truth == "none":
        return answer == ""
    if "*" in truth:
        return set(answer) == {truth.replace("*", "")}
    return answer == truth

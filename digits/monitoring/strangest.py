"""The strangest live images: those that are kept while a log is read, and those that a page shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digits.monitoring.drift import Columns
from digits.validation.expectations import FEATURES

# How many of each kind a page shows.
MOST = 24


@dataclass(frozen=True, eq=False)
class Strange:
    """An image.

    Attributes:
        pixels: uint8 (side, side).
        digit: the class that was read.
        confidence: probability of the answer.
        feature: one of `FEATURES`, in which it is farthest from the validation images.
        value: of this feature.
    """

    pixels: np.ndarray
    digit: int
    confidence: float
    feature: str
    value: float


class Extremes:
    """Of any number of images those with the lowest and the highest values, at most 17 times `MOST` of them."""

    def __init__(self) -> None:
        """Begin with none."""
        self.columns: dict[str, np.ndarray] = {}
        self.pixels = np.zeros((0, 0, 0), np.uint8)

    def add(self, columns: Columns, pixels: np.ndarray) -> None:
        """Look at more images.

        Args:
            columns: from `digits.monitoring.drift.describe`.
            pixels: uint8 (n, side, side), of one size in all calls.
        """
        rows = _extreme(columns)
        chosen, pixels = {name: values[rows] for name, values in columns.items()}, pixels[rows]
        if self.columns:
            chosen = {name: np.concatenate([values, chosen[name]]) for name, values in self.columns.items()}
            pixels = np.concatenate([self.pixels, pixels])
        # A picture that is sent again and again would take all places.
        first = np.sort(np.unique(pixels.reshape(len(pixels), -1), axis=0, return_index=True)[1])
        chosen, pixels = {name: values[first] for name, values in chosen.items()}, pixels[first]
        rows = _extreme(chosen)
        self.columns, self.pixels = {name: values[rows] for name, values in chosen.items()}, pixels[rows]

    def least_sure(self, reference: Columns) -> list[Strange]:
        """The images whose answer has the lowest probability, the lowest first.

        Args:
            reference: columns of the validation images.
        """
        return self._strange(np.argsort(self.columns["confidence"], kind="stable"), reference)

    def farthest(self, reference: Columns) -> list[Strange]:
        """The images with the feature that is farthest from the mean of `reference`, in its standard deviations."""
        distance = self._distances(reference).max(axis=0)
        return self._strange(np.argsort(-distance, kind="stable"), reference)

    def _strange(self, rows: np.ndarray, reference: Columns) -> list[Strange]:
        names = list(FEATURES)
        farthest = self._distances(reference).argmax(axis=0)
        found = []
        for row in rows[:MOST]:
            digit, confidence = int(self.columns["digit"][row]), float(self.columns["confidence"][row])
            name = names[farthest[row]]
            found.append(Strange(self.pixels[row], digit, confidence, name, float(self.columns[name][row])))
        return found

    def _distances(self, reference: Columns) -> np.ndarray:
        """(features, images)"""
        found = []
        for name in FEATURES:
            known = reference[name][np.isfinite(reference[name])].astype(np.float64)
            with np.errstate(divide="ignore", invalid="ignore"):
                distance = np.abs(self.columns[name] - known.mean()) / known.std()
            # What a blank image lacks is no distance, nor is a value that all images have.
            found.append(np.nan_to_num(distance, nan=0.0, posinf=np.inf))
        return np.array(found)


def _extreme(columns: Columns) -> np.ndarray:
    """The rows of the lowest probabilities and of the lowest and highest values of each feature, ascending."""
    rows = [np.argsort(columns["confidence"], kind="stable")[:MOST]]
    for name in FEATURES:
        order = np.argsort(columns[name], kind="stable")
        order = order[np.isfinite(columns[name][order])]
        rows += [order[:MOST], order[-MOST:]]
    return np.unique(np.concatenate(rows))

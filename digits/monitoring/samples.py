"""Comparing many samples of the same images, which are sorted once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Comparison(NamedTuple):
    """What the tests of two samples need.

    Attributes:
        distances: of each column of numbers, the largest distance of the two distribution functions; 1 where a sample
            has no number.
        counts: of each column of numbers, how many there are in the first and in the second sample.
        chi2: Pearson's χ² of the classes.
        freedom: its degrees of freedom.
        shares: of each column of truth, how many hold and how many there are, in the first and in the second sample.
    """

    distances: list[float]
    counts: list[tuple[int, int]]
    chi2: float
    freedom: int
    shares: list[tuple[int, int, int, int]]

    @property
    def differences(self) -> list[float]:
        """Of each column of truth, the second share minus the first."""
        return [theirs / other - ours / size for ours, size, theirs, other in self.shares]


class Pool:
    """Images of which samples are compared."""

    def __init__(
        self, numbers: Sequence[np.ndarray], classes: Sequence[np.ndarray], shares: Sequence[np.ndarray]
    ) -> None:
        """Sort each column.

        Args:
            numbers: columns (n,). What is not finite, such as the centre of a blank image, counts as missing.
            classes: one column (n,) of whole numbers.
            shares: columns bool (n,).
        """
        self._numbers = list(map(_sorted, numbers))
        self._classes = np.unique(classes[0], return_inverse=True)[1]
        self._shares = shares

    def compare(self, first: np.ndarray, second: np.ndarray) -> Comparison:
        """Compare two samples.

        Args:
            first: bool (n,), which images are in the first one.
            second: which are in the second one; no image is in both.
        """
        sizes = int(np.count_nonzero(first)), int(np.count_nonzero(second))
        weights = first / sizes[0] - second / sizes[1]
        distances, counts = [], []
        for order, is_last in self._numbers:
            count, ours = sizes, weights
            if len(order) < len(first):
                count = int(np.count_nonzero(first[order])), int(np.count_nonzero(second[order]))
                ours = first / max(1, count[0]) - second / max(1, count[1])
            counts.append(count)
            # The difference of the two distribution functions, after each value.
            distance = np.abs(np.cumsum(ours[order])[is_last]).max() if min(count) else 1.0
            distances.append(float(distance))
        chi2, freedom = _chi2(*(np.bincount(self._classes[sample]) for sample in (first, second)))
        shares = []
        for holds in self._shares:
            here, there = (int(np.count_nonzero(holds & sample)) for sample in (first, second))
            shares.append((here, sizes[0], there, sizes[1]))
        return Comparison(distances, counts, chi2, freedom, shares)


def _sorted(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places of the finite values in ascending order, and which of these is the last of equal ones."""
    finite = np.flatnonzero(np.isfinite(values)).astype(np.int32)
    order = finite[np.argsort(values[finite], kind="stable")]
    ordered = values[order]
    return order, np.append(ordered[1:] != ordered[:-1], True)[: len(order)]


def _chi2(first: np.ndarray, second: np.ndarray) -> tuple[float, int]:
    """Pearson's χ² of the counts of each class in two samples, and its degrees of freedom."""
    counts = np.zeros((2, max(len(first), len(second))))
    counts[0, : len(first)], counts[1, : len(second)] = first, second
    counts = counts[:, counts.sum(axis=0) > 0]
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    return float(((counts - expected) ** 2 / expected).sum()), counts.shape[1] - 1

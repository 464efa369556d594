"""How accuracy falls when test images are changed, laid on a canvas, or replaced by other people's handwriting.

A table of strengths for each change follows D. Hendrycks and T. Dietterich, "Benchmarking neural network robustness to
common corruptions and perturbations", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from digits.evaluation.intervals import wilson_interval
from digits.evaluation.perturbation import CLEAN, Perturbed
from digits.evaluation.rounding import rounded
from digits.program import progress

# Pixels uint8 (n, side, side) in, probabilities float32 (n, classes) out: `digits.model.classifier.Classifier` is one.
Classify = Callable[[np.ndarray], np.ndarray]


def robustness(classify: Classify, perturbed: Sequence[Perturbed], confidence: float) -> pd.DataFrame:
    """Accuracy for each change and strength.

    The table describes a model; nothing may be chosen by it.

    Args:
        classify: a model.
        perturbed: of `digits.evaluation.perturbation.perturb`.
        confidence: of intervals, in (0, 1).

    Returns:
        One row per change and strength, in their order: `perturbation`, `strength`, `n`, `accuracy`, the ends `low` and
        `high` of its Wilson interval, and `drop`, the accuracy that the same images have unchanged minus `accuracy`.
        A picture in which not exactly one digit was found is a mistake. The drop of other people's handwriting is
        measured from row `none`. Shares are rounded to 6 decimals.
    """
    rights = [_right(classify, one) for one in progress(perturbed, "changed images")]
    unchanged = next(right for one, right in zip(perturbed, rights, strict=True) if one.perturbation == CLEAN)
    rows = []
    for one, right in zip(perturbed, rights, strict=True):
        before = unchanged[one.originals] if len(one.originals) else unchanged
        low, high = wilson_interval(int(right.sum()), len(right), confidence)
        shares = (right.mean(), low, high, before.mean() - right.mean())
        rows.append((one.perturbation, one.strength, len(right), *map(rounded, shares)))
    return pd.DataFrame(rows, columns=["perturbation", "strength", "n", "accuracy", "low", "high", "drop"])


def _right(classify: Classify, perturbed: Perturbed) -> np.ndarray:
    """Which images are classified correctly: bool (n,)."""
    answers = np.full(len(perturbed.labels), -1, dtype=np.int64)
    if perturbed.found.any():
        answers[perturbed.found] = classify(perturbed.pixels).argmax(axis=1)
    return answers == perturbed.labels


def mean_accuracy(table: pd.DataFrame) -> dict[str, float]:
    """The mean accuracy of each perturbation over its strengths, rounded to 6 decimals, in the order of the table."""
    means = table.groupby("perturbation", sort=False)["accuracy"].mean()
    return {str(name): rounded(mean) for name, mean in means.items()}


def worst(table: pd.DataFrame) -> pd.DataFrame:
    """The row with the lowest accuracy of each perturbation, in the order of the table; `none` is not among them."""
    changed = table[table["perturbation"] != CLEAN]
    return changed.loc[changed.groupby("perturbation", sort=False)["accuracy"].idxmin()]

"""How often a model is right on live images whose labels nobody knows, and which classes they are of."""

from __future__ import annotations

import numpy as np

_ROUNDS = 300
# Of more live images than this, groups of equal size are drawn instead, each by its middle one.
_MOST_GROUPS = 10_000


def estimated_accuracy(
    confidence: np.ndarray, right: np.ndarray, live: np.ndarray, level: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """The mean probability of being right, as far as the model's probabilities can be believed.

    An isotonic regression on the validation images makes shares of right answers of the model's probabilities. That
    holds while an answer of the same probability is as often right as it was there: where the images become strange in
    other ways, the estimate is too high.

    Args:
        confidence: (n,), the probability of each answer on the validation images.
        right: bool (n,), whether it was right.
        live: (m,), the probability of each answer on the live images, m ≥ 1.
        level: of the interval, in (0, 1).
        seed: of the resamples.

    Returns:
        The estimate, and the ends of a bootstrap interval in which both sets of images are drawn anew.
    """
    rng = np.random.default_rng(seed)
    middles = _middles(live)
    drawn = []
    for _ in range(_ROUNDS):
        rows = rng.integers(len(right), size=len(right))
        counts = rng.multinomial(len(live), np.full(len(middles), 1 / len(middles)))
        drawn.append(_mean_share(confidence[rows], right[rows], middles, counts))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return _mean_share(confidence, right, middles), float(low), float(high)


def class_shares(predicted: np.ndarray, actual: np.ndarray, live: np.ndarray, classes: int) -> np.ndarray:
    """The shares of the true classes among live images, from the classes that the model read.

    Source: Z. Lipton, Y.-X. Wang, A. Smola, "Detecting and correcting for label shift with black box predictors", ICML
    2018: one linear solve with the confusion matrix. It holds if the images of each class look as before.

    Args:
        predicted: int (n,), classes read on the validation images.
        actual: int (n,), their labels.
        live: int (m,), classes read on the live images, m ≥ 1.
        classes: how many there are.

    Returns:
        (classes,), which add up to 1. A class that no validation image has gets 0.
    """
    confusion = np.zeros((classes, classes))
    np.add.at(confusion, (predicted, actual), 1 / len(actual))
    shares = np.bincount(live, minlength=classes) / len(live)
    weights = np.linalg.lstsq(confusion, shares, rcond=None)[0].clip(min=0)
    found = weights * confusion.sum(axis=0)
    return found / found.sum()


def _middles(live: np.ndarray) -> np.ndarray:
    if len(live) <= _MOST_GROUPS:
        return live
    return np.quantile(live, (np.arange(_MOST_GROUPS) + 0.5) / _MOST_GROUPS, method="nearest")


def _mean_share(confidence: np.ndarray, right: np.ndarray, live: np.ndarray, counts: np.ndarray | None = None) -> float:
    from sklearn.isotonic import IsotonicRegression

    curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(confidence, right)
    return float(np.average(curve.predict(live), weights=counts))

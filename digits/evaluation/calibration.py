"""Whether a model is as often right as it is sure, and below which probability its answer counts as not sure."""

from typing import Any

import numpy as np
import pandas as pd

from digits.evaluation.rounding import rounded


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int) -> pd.DataFrame:
    """How often a classifier is right among the images of which it is equally sure.

    Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.

    Args:
        confidence: (n,), probability of the predicted class, in [0, 1].
        correct: bool (n,), whether the prediction is right.
        bins: number m of bins of equal width; bin i is ((i - 1) / m, i / m], and 0 belongs to the first.

    Returns:
        One row per bin, empty ones too: `low`, `high`, `count`, `right` (how many), `confidence` (mean) and `accuracy`;
        the last two are NaN in an empty bin.
    """
    confidence = confidence.astype(np.float64)
    edges = np.linspace(0, 1, bins + 1)
    index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    right = np.bincount(index, weights=correct, minlength=bins).astype(int)
    total = np.bincount(index, weights=confidence, minlength=bins)
    filled = np.where(count > 0, count, np.nan)
    columns = {"low": edges[:-1], "high": edges[1:], "count": count, "right": right}
    return pd.DataFrame(columns | {"confidence": total / filled, "accuracy": right / filled})


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int) -> float:
    """Expected calibration error: the mean distance between probability and accuracy of a bin, 0 to 1.

    Arguments and source as for `reliability`.
    """
    table = reliability(confidence, correct, bins)
    gaps = (table["accuracy"] - table["confidence"]).abs().fillna(0.0)
    return float((gaps * table["count"]).sum() / table["count"].sum())


def risk_coverage(confidence: np.ndarray, correct: np.ndarray) -> pd.DataFrame:
    """What each threshold of the probability would accept, and how much of that would be wrong.

    Source: selective classification by the maximum of the softmax, as in Y. Geifman and R. El-Yaniv, "Selective
    classification for deep neural networks", 2017.

    Args:
        confidence: (n,), probability of the predicted class.
        correct: bool (n,), whether the prediction is right.

    Returns:
        One row per probability that occurs, the highest first: `threshold`, `coverage` (share of the images with at
        least that probability) and `risk` (share of those that are wrong).
    """
    order = np.argsort(-confidence.astype(np.float64), kind="stable")
    threshold = confidence.astype(np.float64)[order]
    accepted = np.arange(1, len(order) + 1)
    risk = np.cumsum(~correct[order]) / accepted
    curve = pd.DataFrame({"threshold": threshold, "coverage": accepted / len(order), "risk": risk})
    # Equal probabilities are accepted together or not at all.
    return curve[np.append(np.diff(threshold) < 0, True)].reset_index(drop=True)


def not_sure_below(probabilities: np.ndarray, labels: np.ndarray, error: float = 0.001) -> float:
    """The smallest threshold that leaves at most `error` of the accepted predictions wrong.

    It must be computed on validation images: a threshold chosen on the test images would judge itself. Source as for
    `risk_coverage`.

    Args:
        probabilities: float (n, classes).
        labels: int (n,), the true classes.
        error: allowed share of wrong among accepted, in [0, 1).

    Returns:
        A probability in [0, 1]; 1.0 if even the most certain predictions are wrong too often.
    """
    curve = risk_coverage(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    good = curve.loc[curve["risk"] <= error, "threshold"]
    return float(good.iloc[-1]) if len(good) else 1.0


def acceptance(actual: np.ndarray, probabilities: np.ndarray, threshold: float) -> dict[str, Any]:
    """What follows if only answers with a probability of at least `threshold` are accepted.

    Args:
        actual: int (n,), true labels.
        probabilities: float32 (n, k).
        threshold: 0 to 1.

    Returns:
        `n`, `accepted` (share of the images) and `error` (share of the accepted that are wrong, 0 if there are none),
        rounded to 6 decimals.
    """
    accepted = probabilities.max(axis=1) >= threshold
    wrong = accepted & (probabilities.argmax(axis=1) != actual)
    return {
        "n": len(actual),
        "accepted": rounded(accepted.mean()),
        "error": rounded(wrong.sum() / max(accepted.sum(), 1)),
    }

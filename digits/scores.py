"""What a model scores on the test images: the content of reports/metrics.json and reports/predictions.csv."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_recall_fscore_support

from digits.errors import DigitsError
from digits.statistics import calibration_error, wilson_interval

# Finer differences are below what 10,000 images can tell and would vary with the order of sums.
DECIMALS = 6


def score(
    actual: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str], confidence: float, bins: int
) -> dict[str, Any]:
    """Test metrics.

    Args:
        actual: int (n,), true labels.
        probabilities: float32 (n, k), rows sum to 1.
        class_names: k names, that of label 0 first.
        confidence: of the interval of the accuracy, in (0, 1).
        bins: of the expected calibration error.

    Returns:
        `n`, `accuracy` with its Wilson interval `accuracy_low` to `accuracy_high`, `loss` (mean cross-entropy, nats),
        `macro_f1`, `calibration_error` and `per_class`: {name: {`precision`, `recall`, `f1`, `support`}}. A precision
        or recall without any image to divide by is 0. Floats are rounded to 6 decimals.

    Raises:
        DigitsError: a probability is not a number.
    """
    _refuse_nan(probabilities)
    labels = range(len(class_names))
    predicted = probabilities.argmax(axis=1)
    correct = predicted == actual
    low, high = wilson_interval(int(correct.sum()), len(actual), confidence)
    columns = precision_recall_fscore_support(actual, predicted, labels=labels, zero_division=0)
    metrics = {
        "accuracy": accuracy_score(actual, predicted),
        "accuracy_low": low,
        "accuracy_high": high,
        "loss": log_loss(actual, probabilities, labels=labels),
        "macro_f1": f1_score(actual, predicted, labels=labels, average="macro", zero_division=0),
        "calibration_error": calibration_error(probabilities.max(axis=1), correct, bins),
    }
    per_class = {
        name: {"precision": _round(precision), "recall": _round(recall), "f1": _round(f1), "support": int(support)}
        for name, precision, recall, f1, support in zip(class_names, *columns, strict=True)
    }
    return {"n": len(actual), **{key: _round(value) for key, value in metrics.items()}, "per_class": per_class}


def predictions_frame(actual: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """One row per test image, in order.

    Args:
        actual: int (n,), true labels.
        probabilities: float32 (n, k).

    Returns:
        `image` (row in the test file), `actual`, `predicted` (labels, int64) and `probability` (of the predicted class,
        float64 rounded to 6 decimals, so that its text is short and stable).

    Raises:
        DigitsError: a probability is not a number.
    """
    _refuse_nan(probabilities)
    return pd.DataFrame(
        {
            "image": np.arange(len(actual)),
            "actual": actual.astype(np.int64),
            "predicted": probabilities.argmax(axis=1),
            "probability": probabilities.max(axis=1).astype(np.float64).round(DECIMALS),
        }
    )


def not_sure_below(probabilities: np.ndarray, labels: np.ndarray, error: float = 0.001) -> float:
    """The smallest probability from which on at most `error` of the accepted predictions are wrong.

    To be computed on validation images: a threshold chosen on the test images would make its own test. This is
    selective classification by the maximum of the softmax; see Y. Geifman and R. El-Yaniv, "Selective classification
    for deep neural networks", 2017.

    Args:
        probabilities: float (n, classes).
        labels: int (n,), the true classes.
        error: allowed share of wrong among accepted, in [0, 1).

    Returns:
        A threshold in [0, 1]; 1.0 if even the most certain predictions are wrong too often.
    """
    top = probabilities.max(axis=1).astype(np.float64)
    order = np.argsort(-top, kind="stable")
    wrong = probabilities.argmax(axis=1)[order] != labels[order]
    risk = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    # Equal probabilities are accepted together or not at all.
    last_of_ties = np.append(np.diff(top[order]) < 0, True)
    good = np.flatnonzero((risk <= error) & last_of_ties)
    return float(top[order][good[-1]]) if good.size else 1.0


def acceptance(actual: np.ndarray, probabilities: np.ndarray, threshold: float) -> dict[str, Any]:
    """What it costs and brings to believe only answers with a probability of at least `threshold`.

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
        "accepted": _round(accepted.mean()),
        "error": _round(wrong.sum() / max(accepted.sum(), 1)),
    }


def _refuse_nan(probabilities: np.ndarray) -> None:
    bad = int((~np.isfinite(probabilities)).any(axis=1).sum())
    if bad:
        raise DigitsError(
            f"the model gives no probabilities for {bad} of {len(probabilities)} images (NaN): "
            "training diverged, try a smaller train.learning_rate"
        )


def _round(value: float) -> float:
    return round(float(value), DECIMALS)

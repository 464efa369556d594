"""What a model scores on the test images: the metrics, and the content of reports/metrics.json and predictions.csv.

`METRICS` is the list of metrics: the record, the comparison, its order, and the version's tags walk it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from digits.errors import DigitsError
from digits.evaluation.calibration import calibration_error
from digits.evaluation.intervals import wilson_interval
from digits.evaluation.rounding import DECIMALS, rounded


@dataclass(frozen=True)
class Answers:
    """What a model answered for the test images, and the settings of its metrics.

    Attributes:
        actual: int (n,), true labels.
        probabilities: float32 (n, k), rows sum to 1.
        labels: 0 … k - 1.
        confidence: of intervals, in (0, 1).
        bins: of the expected calibration error.
    """

    actual: np.ndarray
    probabilities: np.ndarray
    labels: range
    confidence: float
    bins: int

    @property
    def present(self) -> np.ndarray:
        """The labels that some image has, in order: int (classes with images,)."""
        return np.unique(self.actual)

    @property
    def predicted(self) -> np.ndarray:
        """The class with the highest probability: int (n,)."""
        return self.probabilities.argmax(axis=1)

    @property
    def correct(self) -> np.ndarray:
        """Whether it is the true one: bool (n,)."""
        return self.predicted == self.actual


@dataclass(frozen=True)
class Metric:
    """One number that says how good a model is.

    Attributes:
        key: name in metrics.json, in CSV and as a sort key.
        title: heading in a table.
        name: in a text.
        form: format specification of the number as people see it.
        unit: follows the number in a text; with `%`, a share is shown times 100.
        higher_is_better: the direction.
        compute: the value; its docstring says what it means.
        interval: the two ends of its confidence interval, for a metric that has one.
    """

    key: str
    title: str
    name: str
    form: str
    unit: str
    higher_is_better: bool
    compute: Callable[[Answers], float]
    interval: Callable[[Answers], tuple[float, float]] | None = None

    @property
    def keys(self) -> list[str]:
        """What metrics.json has of this metric: `key`, and the ends of the interval `key_low`, `key_high`."""
        return [self.key, *([f"{self.key}_low", f"{self.key}_high"] if self.interval else [])]

    def number(self, value: float) -> str:
        """A value as in a table, without its unit: `98.97`, `0.0312`."""
        return f"{value * (100 if self.unit == '%' else 1):{self.form}}"

    def text(self, value: float) -> str:
        """A value as in a text: `98.97 %`, `0.0312 nats`."""
        return f"{self.number(value)} {self.unit}".rstrip()


# scikit-learn takes a second to import: only who computes a metric waits for it, not who walks the list.


def _accuracy(answers: Answers) -> float:
    """Share of images whose most probable class is the true one."""
    from sklearn.metrics import accuracy_score

    return accuracy_score(answers.actual, answers.predicted)


def _accuracy_interval(answers: Answers) -> tuple[float, float]:
    return wilson_interval(int(answers.correct.sum()), len(answers.actual), answers.confidence)


def _loss(answers: Answers) -> float:
    """Mean of −ln of the probability of the true class."""
    from sklearn.metrics import log_loss

    return log_loss(answers.actual, answers.probabilities, labels=answers.labels)


def _macro_f1(answers: Answers) -> float:
    """Mean over the classes of F1, the harmonic mean of precision and recall."""
    from sklearn.metrics import f1_score

    # A class without test images has no recall. An F1 of 0 for it would say that the model fails there.
    return f1_score(answers.actual, answers.predicted, labels=answers.present, average="macro", zero_division=0)


def _calibration_error(answers: Answers) -> float:
    """Mean distance of probability and share of right answers, over bins of the probability."""
    return calibration_error(answers.probabilities.max(axis=1), answers.correct, answers.bins)


ACCURACY = Metric(
    *("accuracy", "accuracy in %", "Accuracy", ".2f", "%"),
    higher_is_better=True,
    compute=_accuracy,
    interval=_accuracy_interval,
)
METRICS = (
    ACCURACY,
    Metric("loss", "loss", "Cross-entropy", ".4f", "nats", higher_is_better=False, compute=_loss),
    Metric("macro_f1", "macro F1", "Macro F1", ".4f", "", higher_is_better=True, compute=_macro_f1),
    Metric(
        *("calibration_error", "calibration error", "Expected calibration error", ".4f", ""),
        higher_is_better=False,
        compute=_calibration_error,
    ),
)


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
        `n`, then each of `METRICS` with the ends of its interval if it has one, and `per_class`: {name: {`precision`,
        `recall`, `f1`, `support`}}. A precision or recall without any image to divide by is 0; a class with support 0
        counts in no metric. Floats are rounded to 6 decimals.

    Raises:
        DigitsError: a probability is not a number.
    """
    _refuse_nan(probabilities)
    answers = Answers(actual, probabilities, range(len(class_names)), confidence, bins)
    values: dict[str, float] = {}
    for metric in METRICS:
        ends = metric.interval(answers) if metric.interval else ()
        values.update(zip(metric.keys, map(rounded, (metric.compute(answers), *ends)), strict=True))
    return {"n": len(actual), **values, "per_class": _per_class(answers, class_names)}


def share_right(actual: np.ndarray, probabilities: np.ndarray, confidence: float) -> dict[str, float]:
    """The accuracy on images of any number, as in `score`: `n`, `accuracy`, `accuracy_low`, `accuracy_high`.

    Args:
        actual: int (n,), true labels, n ≥ 1.
        probabilities: float32 (n, k), rows sum to 1.
        confidence: of the interval, in (0, 1).

    Raises:
        DigitsError: a probability is not a number.
    """
    _refuse_nan(probabilities)
    right = int((probabilities.argmax(axis=1) == actual).sum())
    values = (right / len(actual), *wilson_interval(right, len(actual), confidence))
    return {"n": len(actual), **dict(zip(ACCURACY.keys, map(rounded, values), strict=True))}


def weak_classes(per_class: dict[str, dict[str, float]], count: int = 2) -> list[str]:
    """The classes with the lowest F1, lowest first; equal ones stand in the order of labels.

    Args:
        per_class: from `score`. A class without images is neither weak nor strong.
        count: how many.
    """
    present = [name for name in per_class if per_class[name]["support"]]
    return sorted(present, key=lambda name: per_class[name]["f1"])[:count]


def absent_classes(per_class: dict[str, dict[str, float]]) -> list[str]:
    """The classes without a test image, in the order of labels.

    Args:
        per_class: from `score`.
    """
    return [name for name, values in per_class.items() if not values["support"]]


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


def _per_class(answers: Answers, class_names: Sequence[str]) -> dict[str, dict[str, float]]:
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(answers.actual, answers.predicted, labels=answers.labels, zero_division=0)
    return {
        name: {"precision": rounded(precision), "recall": rounded(recall), "f1": rounded(f1), "support": int(support)}
        for name, precision, recall, f1, support in zip(class_names, *columns, strict=True)
    }


def _refuse_nan(probabilities: np.ndarray) -> None:
    bad = int((~np.isfinite(probabilities)).any(axis=1).sum())
    if bad:
        raise DigitsError(
            f"the model gives no probabilities for {bad} of {len(probabilities)} images (NaN): "
            "training diverged, try a smaller train.learning_rate"
        )

"""A few numbers for many: median and quartiles of times, mean and interval of accuracies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from digits.evaluation.intervals import mean_interval

Summary = dict[str, float]


def spread(values: Sequence[float]) -> Summary:
    """`n`, `median`, the quartiles `q1` and `q3`, and `min`, `max`, of one or more values."""
    low, q1, median, q3, high = np.percentile(values, [0, 25, 50, 75, 100])
    numbers = {"median": median, "q1": q1, "q3": q3, "min": low, "max": high}
    return {"n": len(values), **{name: _short(value) for name, value in numbers.items()}}


def mean(values: Sequence[float]) -> Summary:
    """`n`, `mean`; of two or more also the standard deviation `sd` and Student's 95 % interval `low` to `high`."""
    array = np.asarray(values, float)
    found = {"n": len(array), "mean": _short(array.mean())}
    if len(array) < 2:
        return found
    low, high = mean_interval(array)
    return found | {"sd": _short(array.std(ddof=1)), "low": _short(low), "high": _short(high)}


def ratio(values: Sequence[float], reference: Sequence[float]) -> Summary:
    """`spread` of the ratios of two series that were measured in turn."""
    return spread((np.asarray(values, float) / np.asarray(reference, float)).tolist())


def _short(value: float) -> float:
    """Six digits: more than any of these measurements has."""
    return float(f"{value:.6g}")

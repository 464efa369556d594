"""Whether live images differ from validation images, by tests whose rate of false alarms is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from digits.validation.expectations import FEATURES
from digits.validation.features import pixel_features

# What is compared: numbers by Kolmogorov and Smirnov, shares by χ².
NUMBERS = {name: FEATURES[name] for name in ("mean", "area", "x", "y", "width", "height")}
NUMBERS |= {"confidence": "probability of the answer"}
SHARES = {"digit": "classes that were read", "sure": "share that is sure"}
# Columns of numbers, whatever their names: some of an image's features and answers.
Columns = Mapping[str, np.ndarray]


def describe(images: np.ndarray, probabilities: np.ndarray, not_sure_below: float) -> dict[str, np.ndarray]:
    """What is compared of each image: the columns of `NUMBERS` and `SHARES`, each (n,).

    Args:
        images: uint8 (n, side, side).
        probabilities: (n, classes), the model's answers.
        not_sure_below: the model's threshold.
    """
    features = pixel_features(images)
    confidence = probabilities.max(axis=1).astype(np.float64)
    found = {name: features[name].astype(np.float64) for name in NUMBERS if name in features}
    return found | {
        "confidence": confidence,
        "digit": probabilities.argmax(axis=1),
        "sure": confidence >= not_sure_below,
    }


def compare(reference: Columns, batch: Columns) -> pd.DataFrame:
    """Test each column of a batch against a reference.

    Source: two-sample test of Kolmogorov and Smirnov, Pearson's χ² of counts; the p of all tests together are adjusted
    by S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979).

    Args:
        reference: from `describe`, of validation images.
        batch: of live images, at least one.

    Returns:
        One row a column, indexed by its name: `statistic`, `p`, `adjusted`, and the means `expected` and `found`. The
        mean of `digit` says nothing and is NaN.
    """
    from statsmodels.stats.multitest import multipletests

    table = pd.DataFrame.from_dict(_tests(reference, batch), orient="index")
    table.insert(2, "adjusted", multipletests(table["p"], method="holm")[1])
    return table


def smallest_p(reference: Columns, batch: Columns) -> float:
    """The smallest adjusted p of `compare`: by Holm, the smallest p times the number of tests."""
    found = [row["p"] for row in _tests(reference, batch).values()]
    return min(1.0, len(found) * min(found))


def _tests(reference: Columns, batch: Columns) -> dict[str, dict[str, float]]:
    from scipy.stats import ks_2samp

    rows = {}
    for name in NUMBERS:
        # A blank image has no centre of mass.
        theirs, ours = (values[name][np.isfinite(values[name])] for values in (reference, batch))
        outcome = ks_2samp(theirs, ours, method="asymp") if len(theirs) and len(ours) else None
        statistic, p = (outcome.statistic, outcome.pvalue) if outcome else (1.0, 0.0)
        rows[name] = {"statistic": statistic, "p": p, "expected": _mean(theirs), "found": _mean(ours)}
    for name in SHARES:
        statistic, p = _counts_test(reference[name], batch[name])
        means = [_mean(values[name]) if name == "sure" else np.nan for values in (reference, batch)]
        rows[name] = {"statistic": statistic, "p": p, "expected": means[0], "found": means[1]}
    return rows


def alarm_threshold(
    reference: Columns, size: int, false_alarms: float, rounds: Iterable[int] = range(1000), seed: int = 0
) -> float:
    """The smallest adjusted p below which a batch of healthy images falls with a given probability.

    Batches of this size are drawn, with repetition, from one random half of the validation images and compared with the
    other half: so the reference's own chance counts, too.

    Args:
        reference: from `describe`, of validation images.
        size: images of a batch.
        false_alarms: the share of healthy batches that may raise an alarm, in (0, 1).
        rounds: one entry for each batch to be drawn.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    count = len(reference["digit"])
    smallest = []
    for _ in rounds:
        order = rng.permutation(count)
        half, others = order[: count // 2], order[count // 2 :]
        drawn = rng.choice(others, size)
        parts = ({name: values[rows] for name, values in reference.items()} for rows in (half, drawn))
        smallest.append(smallest_p(*parts))
    return float(np.quantile(smallest, false_alarms, method="lower"))


def _counts_test(reference: np.ndarray, batch: np.ndarray) -> tuple[float, float]:
    """χ² of the counts of each value in two samples, and its p."""
    from scipy.stats import chi2_contingency

    values = np.union1d(reference, batch)
    counts = np.array([[np.count_nonzero(sample == value) for value in values] for sample in (reference, batch)])
    if counts.shape[1] < 2:
        return 0.0, 1.0
    outcome = chi2_contingency(counts, correction=False)
    return float(outcome.statistic), float(outcome.pvalue)


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")

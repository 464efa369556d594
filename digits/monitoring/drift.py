"""Whether live images differ from validation images, by tests whose rate of false alarms is measured."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from digits.evaluation.multiple import holm
from digits.monitoring.samples import Comparison, Pool
from digits.validation.expectations import FEATURES
from digits.validation.features import pixel_features

# What is compared: numbers by Kolmogorov and Smirnov, classes by χ², what holds of an image or not by Fisher.
NUMBERS = {name: FEATURES[name] for name in ("mean", "area", "x", "y", "width", "height")}
NUMBERS |= {"confidence": "probability of the answer"}
CLASSES = {"digit": "classes that were read"}
SHARES = {"sure": "share that is sure", "inside": "share within the bounds"}
TITLES = NUMBERS | CLASSES | SHARES
# Columns of numbers, whatever their names: some of an image's features and answers.
Columns = Mapping[str, np.ndarray]


def describe(
    images: np.ndarray, probabilities: np.ndarray, not_sure_below: float, bounds: Mapping[str, Sequence[float]]
) -> dict[str, np.ndarray]:
    """What is kept of each image: `FEATURES` and the columns of `TITLES`, each (n,), some 30 bytes an image.

    Args:
        images: uint8 (n, side, side).
        probabilities: (n, classes), the model's answers.
        not_sure_below: the model's threshold.
        bounds: lowest and highest of features: `validate.each`. `inside` says whether an image keeps all of them.
    """
    confidence = probabilities.max(axis=1)
    features = {name: _narrow(values) for name, values in pixel_features(images).items()}
    outside = np.zeros(len(images), bool)
    for name, (low, high) in bounds.items():
        outside |= (features[name] < low) | (features[name] > high)
    return features | {
        "confidence": confidence.astype(np.float32),
        "digit": probabilities.argmax(axis=1).astype(np.uint16),
        "sure": confidence >= not_sure_below,
        "inside": ~outside,
    }


def compare(reference: Columns, batch: Columns) -> pd.DataFrame:
    """Test each column of a batch against a reference.

    Source: two-sample test of Kolmogorov and Smirnov, Pearson's χ² of counts, Fisher's exact test of shares; the p of
    all tests together are adjusted by S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J.
    Stat. 6 (1979).

    Args:
        reference: from `describe`, of validation images.
        batch: of live images, at least one.

    Returns:
        One row a column, indexed by its name: `statistic`, `p`, `adjusted`, and the means `expected` and `found`. The
        mean of `digit` says nothing and is NaN. The statistic of a share is the difference.
    """
    parts = {name: np.concatenate([reference[name], batch[name]]) for name in TITLES}
    is_live = np.arange(len(parts["digit"])) >= len(reference["digit"])
    found = pool_of(parts).compare(~is_live, is_live)
    p = p_values([found])[0]
    means = ([np.nan if name in CLASSES else _mean(values[name]) for name in TITLES] for values in (reference, batch))
    table = pd.DataFrame(
        {"statistic": [*found.distances, found.chi2, *found.differences], "p": p},
        index=list(TITLES),
    )
    table["adjusted"] = holm(p)
    table["expected"], table["found"] = means
    return table


def smallest_p(found: Sequence[Comparison]) -> np.ndarray:
    """The smallest adjusted p of each comparison, (n,): by Holm, the smallest p times the number of tests."""
    p = p_values(found)
    return np.minimum(1.0, p.shape[1] * p.min(axis=1))


def p_values(found: Sequence[Comparison]) -> np.ndarray:
    """The p of each test, (n, tests), in the order of `TITLES`.

    Source: of the test of Kolmogorov and Smirnov the limiting distribution, with the correction for small samples of
    M. A. Stephens, "Use of the Kolmogorov–Smirnov, Cramér–von Mises and related statistics without extensive tables",
    J. R. Stat. Soc. B 32 (1970).
    """
    from scipy.special import kolmogorov
    from scipy.stats import chi2

    distances, counts = (np.array([getattr(one, key) for one in found]) for key in ("distances", "counts"))
    first, second = counts[:, :, 0], counts[:, :, 1]
    root = np.sqrt(first * second / np.maximum(1, first + second))
    with np.errstate(divide="ignore"):
        numbers = kolmogorov((root + 0.12 + 0.11 / root) * distances)
    classes = np.array([chi2.sf(one.chi2, one.freedom) if one.freedom else 1.0 for one in found])
    shares = [[_fisher(*table) for table in one.shares] for one in found]
    return np.column_stack([numbers, classes, np.array(shares)])


def alarm_threshold(
    reference: Columns, size: int, false_alarms: float, rounds: Iterable[int] = range(1000), seed: int = 0
) -> float:
    """The smallest adjusted p below which a batch of healthy images falls with a given probability.

    Batches of this size are drawn from the validation images and compared with the other ones. A larger batch than half
    of them has the threshold of half of them: p hardly depends on the size there, and time and memory stay bounded.

    Args:
        reference: from `describe`, of validation images.
        size: images of a batch.
        false_alarms: the share of healthy batches that may raise an alarm, in (0, 1).
        rounds: one entry for each batch to be drawn.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    pool = pool_of(reference)
    count = len(reference["digit"])
    found = []
    for _ in rounds:
        is_drawn = np.zeros(count, bool)
        is_drawn[rng.choice(count, max(1, min(size, count // 2)), replace=False)] = True
        found.append(pool.compare(~is_drawn, is_drawn))
    return float(np.quantile(smallest_p(found), false_alarms, method="lower"))


def pool_of(columns: Columns) -> Pool:
    """Images of which samples are to be compared, from `describe`."""
    return Pool(*([columns[name] for name in names] for names in (NUMBERS, CLASSES, SHARES)))


@functools.lru_cache(maxsize=100_000)
def _fisher(ours: int, size: int, theirs: int, other: int) -> float:
    """Fisher's exact p of `ours` of `size` against `theirs` of `other`. χ² would be wrong where hardly any are not."""
    from scipy.stats import fisher_exact

    return float(fisher_exact([[ours, size - ours], [theirs, other - theirs]]).pvalue)


def _narrow(values: np.ndarray) -> np.ndarray:
    """Numbers in 4 bytes at most."""
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.mean(finite, dtype=np.float64)) if len(finite) else float("nan")

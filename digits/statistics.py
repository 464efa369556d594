"""The statistics of decisions: intervals, paired tests, calibration. Sources stand at each function."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm, ttest_1samp
from scipy.stats import t as student_t
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

# Of two scores, Student's 95 % interval is thirteen times as long as their distance.
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class PairedComparison:
    """A challenger against a baseline on the same test images.

    Attributes:
        n: test images.
        wins: images that only the challenger classified rightly.
        losses: images that only the baseline classified rightly.
        difference: accuracy of the challenger minus that of the baseline, -1 to 1.
        low: lower end of the interval of `difference`, at confidence 1 - `significance`.
        high: its upper end.
        p_value: McNemar's exact p, two-sided.
        p_adjusted: the same after Holm's correction for all comparisons of one table; `p_value` if there is only one.
        significance: the p below which a difference counts.
    """

    n: int
    wins: int
    losses: int
    difference: float
    low: float
    high: float
    p_value: float
    p_adjusted: float
    significance: float

    @property
    def verdict(self) -> str:
        """`better`, `worse` or `no evidence` (of a difference in either direction)."""
        if self.p_adjusted >= self.significance:
            return "no evidence"
        return "better" if self.wins > self.losses else "worse"

    @property
    def explanation(self) -> str:
        """The verdict and what it rests on, in words."""
        differ = self.wins + self.losses
        if not differ:
            return f"{self.verdict}: both right on the same images"
        return f"{self.verdict}: {differ} images differ, {self.wins} won, {self.losses} lost"


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a proportion.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", J. Am. Stat. Assoc.
    22 (1927). It keeps its level near 0 and 1, where an accuracy of 99 % lies and the Wald interval fails.

    Args:
        successes: 0 to `n`.
        n: trials, at least 1.
        confidence: in (0, 1).

    Returns:
        The lower and the upper end, within 0 and 1.
    """
    low, high = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    return float(low), float(high)


def paired_interval(n: int, wins: int, losses: int, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval of the difference of two proportions measured on the same n items.

    Source: T. Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Stat. Med. 17 (1998) 891-908. It inverts the score test that is McNemar's where the difference is 0, so it
    tells the same story, and unlike the Wald interval it has a width when no item differs. Compared with others in
    M. W. Fagerland, S. Lydersen, P. Laake, "Recommended tests and confidence intervals for paired binomial
    proportions", Stat. Med. 33 (2014) 2850-2875. Neither statsmodels nor SciPy has it.

    Args:
        n: items, at least 1.
        wins: items where only the first succeeded.
        losses: items where only the second succeeded; `wins + losses` ≤ `n`.
        confidence: in (0, 1).

    Returns:
        The lower and the upper end of (wins - losses) / n, within -1 and 1.
    """
    z_squared = norm.isf((1 - confidence) / 2) ** 2
    estimate = (wins - losses) / n

    def excess(delta: float) -> float:
        """How far the squared score statistic at `delta` is beyond its limit, times the variance: ≤ 0 inside."""
        b = (2 * n - wins + losses) * delta - wins - losses
        c = -losses * delta * (1 - delta)
        # The likeliest share of losses if the difference is delta. Rounding can bring the root just below zero.
        share = (np.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
        return float((wins - losses - n * delta) ** 2 - z_squared * n * (2 * share + delta * (1 - delta)))

    # Where no item differs, the variance vanishes at the estimate itself and grows on both sides of it.
    step = 1e-12
    low = brentq(excess, -1.0, estimate - step) if estimate > -1 else -1.0
    high = brentq(excess, estimate + step, 1.0) if estimate < 1 else 1.0
    return float(low), float(high)


def mcnemar_exact(wins: int, losses: int) -> float:
    """Two-sided p of "both are right equally often", given the items on which exactly one is right.

    Source: Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947); exact, from the binomial distribution, so that few items do not make it anticonservative.

    Args:
        wins: items where only the first is right.
        losses: items where only the second is right.
    """
    return float(mcnemar([[0, wins], [losses, 0]], exact=True).pvalue)


def compare_paired(baseline: np.ndarray, challenger: np.ndarray, significance: float = 0.05) -> PairedComparison:
    """Compare two classifiers by which of the same images they got right.

    Args:
        baseline: bool (n,), whether the baseline is right.
        challenger: bool (n,), the same images in the same order.
        significance: of McNemar's test, in (0, 1); the interval has confidence 1 - `significance`.

    Raises:
        ValueError: no images, or not the same number of them.
    """
    if baseline.shape != challenger.shape or baseline.size == 0:
        raise ValueError(f"paired data are needed, not {baseline.shape} and {challenger.shape}")
    n = len(baseline)
    wins = int(np.sum(challenger & ~baseline))
    losses = int(np.sum(baseline & ~challenger))
    low, high = paired_interval(n, wins, losses, 1 - significance)
    p_value = mcnemar_exact(wins, losses)
    return PairedComparison(n, wins, losses, (wins - losses) / n, low, high, p_value, p_value, significance)


def correct_for_many(comparisons: Sequence[PairedComparison]) -> list[PairedComparison]:
    """Set `p_adjusted`, so that the chance of any false verdict in the whole table stays below `significance`.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979). Valid however
    the comparisons depend on one another, as those against one baseline do.
    """
    if not comparisons:
        return []
    adjusted = multipletests([comparison.p_value for comparison in comparisons], method="holm")[1]
    return [replace(comparison, p_adjusted=float(p)) for comparison, p in zip(comparisons, adjusted, strict=True)]


@dataclass(frozen=True)
class SeedComparison:
    """A recipe against the first, over the seeds with which both were trained.

    Attributes:
        seeds: how many.
        difference: mean of the score minus that of the first recipe.
        low: lower end of its interval, at confidence 1 - `significance`.
        high: its upper end.
        p_adjusted: of the paired t test, two-sided, after Holm's correction for all recipes.
        significance: the p below which a difference counts.
    """

    seeds: int
    difference: float
    low: float
    high: float
    p_adjusted: float
    significance: float

    @property
    def verdict(self) -> str:
        """`better`, `worse` or `no evidence`."""
        if self.p_adjusted >= self.significance:
            return "no evidence"
        return "better" if self.difference > 0 else "worse"


def compare_seeds(
    first: dict[int, float], others: Sequence[dict[int, float]], significance: float = 0.05
) -> list[SeedComparison | None]:
    """Compare recipes by the scores of several trainings each, in pairs of the same seed.

    Source: the paired t test of Student, "The probable error of a mean", Biometrika 6 (1908); p values corrected by
    Holm's method, see `correct_for_many`.

    Args:
        first: score by seed.
        others: likewise, one for each other recipe.
        significance: in (0, 1).

    Returns:
        One comparison for each of `others`; None where fewer than `FEWEST_SEEDS` are common to both.
    """
    found: list[SeedComparison | None] = []
    for other in others:
        seeds = sorted(first.keys() & other.keys())
        # Accuracies are shares of whole images: beyond these decimals there is nothing but rounding.
        gains = np.round([other[seed] - first[seed] for seed in seeds], 9)
        if len(seeds) < FEWEST_SEEDS:
            found.append(None)
            continue
        low, high = mean_interval(gains, 1 - significance)
        # The same gain with each seed says nothing of how much it varies.
        p = float(ttest_1samp(gains, 0).pvalue) if np.ptp(gains) > 0 else 1.0
        found.append(SeedComparison(len(seeds), float(gains.mean()), low, high, p, significance))
    tested = [comparison for comparison in found if comparison]
    adjusted = iter(multipletests([comparison.p_adjusted for comparison in tested], method="holm")[1] if tested else [])
    return [comparison and replace(comparison, p_adjusted=float(next(adjusted))) for comparison in found]


def mean_interval(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Student's interval of a mean.

    Args:
        values: (n,), n ≥ 2.
        confidence: in (0, 1).
    """
    reach = float(student_t.isf((1 - confidence) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return float(np.mean(values)) - reach, float(np.mean(values)) + reach


def p_text(p: float) -> str:
    """A p value as it is printed: `p = 0.0312`, `p = 0.62` or `p < 0.0001`."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}" if p < 0.1 else f"p = {p:.2f}"


def non_inferior(comparison: PairedComparison, margin: float) -> bool:
    """Whether the interval rules out that the challenger loses `margin` or more of accuracy.

    Source: the confidence-interval approach of ICH E9, "Statistical principles for clinical trials" (1998), 3.3.2.
    One-sided, at half the significance of the comparison.
    """
    return comparison.low > -margin


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
    """Expected calibration error: the mean distance between being sure and being right, 0 to 1.

    Arguments and source as for `reliability`.
    """
    table = reliability(confidence, correct, bins)
    gaps = (table["accuracy"] - table["confidence"]).abs().fillna(0.0)
    return float((gaps * table["count"]).sum() / table["count"].sum())

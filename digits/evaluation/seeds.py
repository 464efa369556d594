"""Which of several recipes is better, when each was trained with several seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import ttest_1samp

from digits.evaluation.intervals import mean_interval
from digits.evaluation.multiple import holm

# From two scores, Student's 95 % interval is thirteen times as long as their distance.
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class SeedComparison:
    """A recipe against the first one, over the seeds that both were trained with.

    Attributes:
        seeds: number of common seeds.
        difference: mean score of the recipe minus that of the first one.
        low: lower end of its interval, at confidence 1 - `significance`.
        high: its upper end.
        p_adjusted: of the paired t test, two-sided, after Holm's correction for all recipes.
        significance: a difference counts if p is below it.
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

    Source: the paired t test of Student, "The probable error of a mean", Biometrika 6 (1908). The p values are
    corrected by Holm's method, see `digits.evaluation.paired.correct_for_many`.

    Args:
        first: score of the first recipe by seed.
        others: score by seed, one dictionary for each other recipe.
        significance: in (0, 1).

    Returns:
        One comparison for each of `others`; None if fewer than `FEWEST_SEEDS` are common to both.
    """
    found: list[SeedComparison | None] = []
    for other in others:
        seeds = sorted(first.keys() & other.keys())
        # Accuracies are shares of whole images: decimals beyond these are rounding errors.
        gains = np.round([other[seed] - first[seed] for seed in seeds], 9)
        if len(seeds) < FEWEST_SEEDS:
            found.append(None)
            continue
        low, high = mean_interval(gains, 1 - significance)
        # If the gain is the same with each seed, nothing is known of how much it varies.
        p = float(ttest_1samp(gains, 0).pvalue) if np.ptp(gains) > 0 else 1.0
        found.append(SeedComparison(len(seeds), float(gains.mean()), low, high, p, significance))
    tested = [comparison for comparison in found if comparison]
    adjusted = iter(holm([comparison.p_adjusted for comparison in tested]) if tested else [])
    return [comparison and replace(comparison, p_adjusted=float(next(adjusted))) for comparison in found]

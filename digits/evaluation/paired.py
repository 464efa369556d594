"""Which of two models is better on the same test images, and whether the difference is real."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from digits.errors import DigitsError
from digits.evaluation.intervals import paired_interval
from digits.evaluation.multiple import holm


@dataclass(frozen=True)
class PairedComparison:
    """A challenger against a baseline on the same test images.

    Attributes:
        n: test images.
        wins: images that only the challenger got right.
        losses: images that only the baseline got right.
        difference: accuracy of the challenger minus that of the baseline, -1 to 1.
        low: lower end of the interval of `difference`, at confidence 1 - `significance`.
        high: its upper end.
        p_value: McNemar's exact p, two-sided.
        p_adjusted: `p_value` after Holm's correction for all comparisons of one table.
        significance: a difference counts if p is below it.
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
        """The verdict and its grounds, in words."""
        differ = self.wins + self.losses
        if not differ:
            return f"{self.verdict}: both right on the same images"
        return f"{self.verdict}: {differ} images differ, {self.wins} won, {self.losses} lost"


def right(predictions: pd.DataFrame) -> np.ndarray:
    """Which images were classified correctly: bool (n,)."""
    return predictions["actual"].to_numpy() == predictions["predicted"].to_numpy()


def refuse_other_images(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Refuse to pair predictions for different test images.

    Raises:
        DigitsError: `image` or `actual` differ.
    """
    if not all(np.array_equal(first[column], second[column]) for column in ("image", "actual")):
        raise DigitsError(
            f"the two models were scored on different test images ({len(first)} and {len(second)}): "
            "score both on the same ones before comparing them"
        )


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


def mcnemar_exact(wins: int, losses: int) -> float:
    """Two-sided p of "both are right equally often", given the items on which exactly one is right.

    Source: Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947). Exact, from the binomial distribution: the normal approximation is too bold with few items.

    Args:
        wins: items where only the first is right.
        losses: items where only the second is right.
    """
    from statsmodels.stats.contingency_tables import mcnemar

    return float(mcnemar([[0, wins], [losses, 0]], exact=True).pvalue)


def correct_for_many(comparisons: Sequence[PairedComparison]) -> list[PairedComparison]:
    """Set `p_adjusted`, so that the chance of any false verdict in the whole table stays below `significance`.

    Comparisons with one baseline depend on each other, which `holm` allows.
    """
    if not comparisons:
        return []
    adjusted = holm([comparison.p_value for comparison in comparisons])
    return [replace(comparison, p_adjusted=float(p)) for comparison, p in zip(comparisons, adjusted, strict=True)]


def level(significance: float, number: int) -> float:
    """The level of the test for the model with this number: `significance` / (number · (number + 1)).

    The levels of any number of models add up to `significance` at most: that is the chance that one of them seems
    better, whatever is chosen for a try and however the tries depend on each other.
    Source: α-spending, in D. Foster and R. Stine, "α-investing: a procedure for sequential control of expected false
    discoveries", J. R. Stat. Soc. B 70 (2008), section 2.

    Args:
        significance: of all tests together, in (0, 1).
        number: of the model, from 1.
    """
    return significance / (number * (number + 1))


def non_inferior(comparison: PairedComparison, margin: float) -> bool:
    """Whether the interval rules out that the challenger loses `margin` or more of accuracy.

    Source: the confidence-interval approach of ICH E9, "Statistical principles for clinical trials" (1998), 3.3.2.
    One-sided, at half the significance of the comparison.
    """
    return comparison.low > -margin


def p_text(p: float) -> str:
    """A p value as it is printed: `p = 0.0312`, `p = 0.62` or `p < 0.0001`."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}" if p < 0.1 else f"p = {p:.2f}"

"""Confidence intervals: of a proportion, of a mean, of a difference of paired proportions."""

import numpy as np

# SciPy's statistics and statsmodels take a second to import: only who computes an interval waits for them.


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a proportion.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", J. Am. Stat. Assoc.
    22 (1927). It keeps its level near 0 and 1. An accuracy of 99 % lies there, where the Wald interval fails.

    Args:
        successes: 0 to `n`.
        n: trials, at least 1.
        confidence: in (0, 1).

    Returns:
        The lower and the upper end, within 0 and 1.
    """
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    return float(low), float(high)


def mean_interval(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Student's interval of a mean.

    Args:
        values: (n,), n ≥ 2.
        confidence: in (0, 1).
    """
    from scipy.stats import t as student_t

    reach = float(student_t.isf((1 - confidence) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return float(np.mean(values)) - reach, float(np.mean(values)) + reach


def paired_interval(n: int, wins: int, losses: int, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval of the difference of two proportions measured on the same n items.

    Source: T. Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Stat. Med. 17 (1998) 891-908. It inverts a score test. At a difference of 0 that test is McNemar's, so
    interval and test tell the same story. Unlike the Wald interval, it has a width when no item differs. Compared with
    others in M. W. Fagerland, S. Lydersen, P. Laake, "Recommended tests and confidence intervals for paired binomial
    proportions", Stat. Med. 33 (2014) 2850-2875. Neither statsmodels nor SciPy has it.

    Args:
        n: items, at least 1.
        wins: items where only the first succeeded.
        losses: items where only the second succeeded; `wins + losses` ≤ `n`.
        confidence: in (0, 1).

    Returns:
        The lower and the upper end of (wins - losses) / n, within -1 and 1.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    z_squared = norm.isf((1 - confidence) / 2) ** 2
    estimate = (wins - losses) / n

    def excess(delta: float) -> float:
        """How far the squared score statistic at `delta` is beyond its limit, times the variance: ≤ 0 inside."""
        b = (2 * n - wins + losses) * delta - wins - losses
        c = -losses * delta * (1 - delta)
        # The likeliest share of losses if the difference is delta. Rounding can bring the root just below zero.
        share = (np.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
        return float((wins - losses - n * delta) ** 2 - z_squared * n * (2 * share + delta * (1 - delta)))

    # If no item differs, the variance is 0 at the estimate itself and grows on both sides of it.
    step = 1e-12
    low = brentq(excess, -1.0, estimate - step) if estimate > -1 else -1.0
    high = brentq(excess, estimate + step, 1.0) if estimate < 1 else 1.0
    return float(low), float(high)

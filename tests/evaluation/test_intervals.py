import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm

from digits.evaluation.intervals import mean_interval, paired_interval, wilson_interval

counts = st.tuples(*[st.integers(0, 2000)] * 3).filter(sum)  # wins, losses, images on which both do the same


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_gives_the_published_examples(successes, n, low, high):
    # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17 (1998), table I.
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilson_interval_agrees_with_scipy_and_contains_the_estimate(case, confidence):
    successes, n = case
    low, high = wilson_interval(successes, n, confidence)
    assert (low, high) == pytest.approx(
        tuple(binomtest(successes, n).proportion_ci(confidence, method="wilson")), abs=1e-9
    )
    assert -1e-12 <= low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= high <= 1 + 1e-12


def test_mean_interval_covers_the_mean_as_often_as_it_says():
    samples = np.random.default_rng(3).normal(0.99, 0.001, (4000, 3))
    covered = np.mean([low <= 0.99 <= high for low, high in (mean_interval(sample) for sample in samples)])
    # Four standard errors of 4,000 trials.
    assert abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 4000)


@pytest.mark.parametrize(
    ("n", "wins", "losses", "confidence", "low", "high", "decimals"),
    [
        # Tango 1998: two disinfectants of contact lenses, 44 patients, 90 % interval.
        (44, 0, 1, 0.90, -0.096, 0.037, 3),
        # Fagerland, Lydersen, Laake, "Statistical Analysis of Contingency Tables" (2017), chapter 8: airway
        # hyper-responsiveness before and after stem cell transplantation (Bentur et al. 2009).
        (21, 1, 7, 0.95, -0.517, -0.026, 3),
        # The same chapter, with the figures of the authors' R package contingencytables: complete response before and
        # after consolidation therapy (Cavo et al. 2012).
        (161, 6, 16, 0.95, -0.1240, -0.0054, 4),
    ],
)
def test_paired_interval_gives_the_published_examples(n, wins, losses, confidence, low, high, decimals):
    assert paired_interval(n, wins, losses, confidence) == pytest.approx((low, high), abs=0.51 * 10**-decimals)


@given(counts, st.floats(0.5, 0.999))
@example((0, 0, 1), 0.95)
@example((1, 0, 0), 0.95)
@example((0, 0, 5000), 0.95)
def test_paired_interval_is_antisymmetric_and_contains_the_estimate(case, confidence):
    wins, losses, same = case
    n = wins + losses + same
    low, high = paired_interval(n, wins, losses, confidence)
    assert -1 <= low <= (wins - losses) / n <= high <= 1
    assert low < high
    assert paired_interval(n, losses, wins, confidence) == pytest.approx((-high, -low), abs=1e-9)


@given(counts.filter(lambda case: case[0] != case[1] and case[2] > 0), st.floats(0.5, 0.999))
def test_paired_interval_excludes_zero_exactly_when_the_asymptotic_mcnemar_test_does(case, confidence):
    wins, losses, same = case
    low, high = paired_interval(wins + losses + same, wins, losses, confidence)
    z = abs(wins - losses) / np.sqrt(wins + losses)
    limit = norm.isf((1 - confidence) / 2)
    if abs(z - limit) > 1e-6:
        assert (low > 0 or high < 0) == (z > limit)


def test_paired_interval_covers_the_true_difference_as_often_as_it_says():
    # 10,000 images, 1 % errors, 0.93 % of the images differ: two seeds of the default network.
    rng = np.random.default_rng(0)
    draws = rng.multinomial(10_000, [0.0054, 0.0039, 1 - 0.0093], size=2000)
    intervals = np.array([paired_interval(10_000, wins, losses) for wins, losses, _ in draws.tolist()])
    covered = int(((intervals[:, 0] < 0.0015) & (intervals[:, 1] > 0.0015)).sum())
    assert binom.ppf(0.001, 2000, 0.95) <= covered <= binom.ppf(0.999, 2000, 0.95)

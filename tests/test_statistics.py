import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm, ttest_rel
from statsmodels.stats.multitest import multipletests

from digits.statistics import (
    calibration_error,
    compare_paired,
    compare_seeds,
    correct_for_many,
    mcnemar_exact,
    mean_interval,
    non_inferior,
    p_text,
    paired_interval,
    reliability,
    wilson_interval,
)

counts = st.tuples(*[st.integers(0, 2000)] * 3).filter(sum)  # wins, losses, images on which both do the same


def outcomes(n, wins, losses):
    """Which images baseline and challenger get right; where they do the same, every other one is right."""
    same = np.arange(n) % 2 == 0
    baseline, challenger = same.copy(), same.copy()
    baseline[: wins + losses] = np.arange(wins + losses) >= wins
    challenger[: wins + losses] = ~baseline[: wins + losses]
    return baseline, challenger


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


def test_mcnemar_gives_the_published_examples():
    # A. Agresti, "Categorical Data Analysis" (1990), p. 350, the president's approval ratings: 86 and 150 changes of
    # mind, p = 3.1e-5 by the normal approximation. The exact p is a little larger: 3.7e-5 by the binomial test.
    assert mcnemar_exact(86, 150) == pytest.approx(3.7e-5, abs=5e-7)
    # Fagerland et al. 2017 as above: P = 0.052479 (Cavo et al.).
    assert mcnemar_exact(6, 16) == pytest.approx(0.052479, abs=5e-7)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_is_the_binomial_test(wins, losses):
    p = mcnemar_exact(wins, losses)
    assert p == mcnemar_exact(losses, wins)
    assert 0 <= p <= 1
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert p == pytest.approx(expected, rel=1e-6)


@given(counts)
def test_comparison_turned_round_says_the_opposite(case):
    wins, losses, same = case
    n = wins + losses + same
    baseline, challenger = outcomes(n, wins, losses)
    forth, back = compare_paired(baseline, challenger), compare_paired(challenger, baseline)
    assert (forth.n, forth.wins, forth.losses) == (n, wins, losses)
    assert forth.difference == -back.difference == (wins - losses) / n
    assert forth.difference == pytest.approx(challenger.mean() - baseline.mean())
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low), abs=1e-9)
    assert forth.p_value == back.p_value
    assert back.verdict == {"better": "worse", "worse": "better", "no evidence": "no evidence"}[forth.verdict]


@pytest.mark.parametrize(
    ("wins", "losses", "explanation"),
    [
        (60, 30, "better: 90 images differ, 60 won, 30 lost"),
        (30, 60, "worse: 90 images differ, 30 won, 60 lost"),
        (54, 39, "no evidence: 93 images differ, 54 won, 39 lost"),
        (0, 0, "no evidence: both right on the same images"),
    ],
)
def test_verdict_in_words(wins, losses, explanation):
    assert compare_paired(*outcomes(10_000, wins, losses)).explanation == explanation


def test_unpaired_data_are_refused():
    with pytest.raises(ValueError, match="paired"):
        compare_paired(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(ValueError, match="paired"):
        compare_paired(np.ones(0, bool), np.ones(0, bool))


def test_holm_by_hand():
    # S. Holm 1979: the smallest p times 4, the next times 3, … and never less than the one before.
    comparisons = [compare_paired(*outcomes(1000, wins, 10)) for wins in (30, 23, 27, 12)]
    p = sorted(comparison.p_value for comparison in comparisons)
    expected = np.minimum(np.maximum.accumulate(np.array(p) * [4, 3, 2, 1]), 1)
    adjusted = correct_for_many(comparisons)
    assert sorted(comparison.p_adjusted for comparison in adjusted) == pytest.approx(expected)
    assert [comparison.p_value for comparison in adjusted] == [comparison.p_value for comparison in comparisons]
    # 23 against 10 is evidence alone, but not as one of four.
    assert (comparisons[1].verdict, adjusted[1].verdict) == ("better", "no evidence")
    assert correct_for_many([]) == []


# Student, "The probable error of a mean", Biometrika 6 (1908), after A. R. Cushny and A. R. Peebles: hours of sleep
# gained with either of two drugs. As the data set `sleep` of R, whose `t.test` gives t = -4.0621, p = 0.002833.
SLEEP = (
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
)


def test_compared_over_seeds_gives_the_published_example():
    first, second = (dict(enumerate(values)) for values in SLEEP)
    (found,) = compare_seeds(first, [second])
    assert (found.seeds, found.difference) == (10, pytest.approx(1.58))
    assert (found.low, found.high) == pytest.approx((0.7001142, 2.4598858))
    assert found.p_adjusted == pytest.approx(0.002833, abs=5e-7) and found.verdict == "better"
    (turned,) = compare_seeds(second, [first])
    assert turned.verdict == "worse" and turned.low == pytest.approx(-found.high)


scores = st.dictionaries(st.integers(0, 9), st.integers(17_000, 18_000).map(lambda n: n / 18_000), min_size=3)


@settings(max_examples=25)
@given(scores, st.lists(scores, max_size=4))
def test_recipes_are_compared_over_their_common_seeds_with_holms_correction(first, others):
    found = compare_seeds(first, others)
    p_values, tested = [], []
    for other, comparison in zip(others, found, strict=True):
        seeds = sorted(first.keys() & other.keys())
        assert (comparison is None) == (len(seeds) < 3)
        if comparison:
            before, after = ([round(18_000 * score[seed]) for seed in seeds] for score in (first, other))
            same_gain = len({b - a for a, b in zip(before, after, strict=True)}) == 1
            p_values.append(1.0 if same_gain else ttest_rel(after, before).pvalue)
            tested.append(comparison)
            assert comparison.low <= comparison.difference <= comparison.high
    if tested:
        np.testing.assert_allclose(
            [comparison.p_adjusted for comparison in tested], multipletests(p_values, method="holm")[1], rtol=1e-4
        )


def test_mean_interval_covers_the_mean_as_often_as_it_says():
    samples = np.random.default_rng(3).normal(0.99, 0.001, (4000, 3))
    covered = np.mean([low <= 0.99 <= high for low, high in (mean_interval(sample) for sample in samples)])
    # Four standard errors of 4,000 trials.
    assert abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 4000)


def test_non_inferiority_needs_images_as_well_as_a_small_difference():
    few = compare_paired(*outcomes(300, 2, 2))
    many = compare_paired(*outcomes(10_000, 40, 45))
    assert not non_inferior(few, 0.005)
    assert non_inferior(many, 0.005)
    assert not non_inferior(many, -many.low)


def test_calibration_error_by_hand():
    # Guo et al. 2017: bins of equal width, |accuracy - confidence| weighted by the bins' shares.
    # (0, 0.5]: 0.4 wrong, 0.5 right: |1/2 - 0.45| = 0.05. (0.5, 1]: 0.8 right, 1.0 wrong: |1/2 - 0.9| = 0.4.
    confidence = np.array([0.4, 0.8, 1.0, 0.5])
    correct = np.array([False, True, False, True])
    table = reliability(confidence, correct, 2)
    assert table["count"].tolist() == [2, 2]
    assert table["confidence"].tolist() == pytest.approx([0.45, 0.9])
    assert table["accuracy"].tolist() == pytest.approx([0.5, 0.5])
    assert calibration_error(confidence, correct, 2) == pytest.approx((2 * 0.05 + 2 * 0.4) / 4)


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=200),
    st.integers(1, 50),
)
def test_calibration_error_is_bounded_and_that_of_one_bin_is_the_overall_gap(pairs, bins):
    confidence = np.array([pair[0] for pair in pairs], np.float32)
    correct = np.array([pair[1] for pair in pairs])
    table = reliability(confidence, correct, bins)
    assert table["count"].sum() == len(pairs)
    filled = table[table["count"] > 0]
    assert ((filled["confidence"] >= filled["low"] - 1e-9) & (filled["confidence"] <= filled["high"] + 1e-9)).all()
    overall = abs(correct.mean() - confidence.astype(float).mean())
    error = calibration_error(confidence, correct, bins)
    # The triangle inequality: averaging over bins cannot be less than over all.
    assert overall - 1e-9 <= error <= 1
    assert calibration_error(confidence, correct, 1) == pytest.approx(overall)


def test_calibrated_guesses_have_a_small_error_and_overconfident_ones_do_not():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 50_000)
    correct = rng.uniform(size=50_000) < confidence
    assert calibration_error(confidence, correct, 15) < 0.01
    assert calibration_error(np.minimum(confidence + 0.1, 1), correct, 15) > 0.07


def test_p_is_never_shown_as_zero_or_rounded_onto_the_limit():
    assert [p_text(p) for p in (0.0, 0.00012, 0.0496, 0.146, 1.0)] == [
        "p < 0.0001",
        "p = 0.0001",
        "p = 0.0496",
        "p = 0.15",
        "p = 1.00",
    ]

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from digits.errors import DigitsError
from digits.evaluation.paired import (
    compare_paired,
    correct_for_many,
    level,
    mcnemar_exact,
    non_inferior,
    p_text,
    refuse_other_images,
    right,
)

counts = st.tuples(*[st.integers(0, 2000)] * 3).filter(sum)  # wins, losses, images on which both do the same


def outcomes(n, wins, losses):
    """Which images baseline and challenger get right; where they do the same, every other one is right."""
    same = np.arange(n) % 2 == 0
    baseline, challenger = same.copy(), same.copy()
    baseline[: wins + losses] = np.arange(wins + losses) >= wins
    challenger[: wins + losses] = ~baseline[: wins + losses]
    return baseline, challenger


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


def test_only_predictions_of_the_same_images_can_be_paired():
    frame = pd.DataFrame({"image": [0, 1, 2], "actual": [7, 2, 1], "predicted": [7, 1, 1]})
    assert right(frame).tolist() == [True, False, True]
    refuse_other_images(frame, frame.assign(predicted=0))
    for other in (frame.head(2), frame.assign(image=[0, 2, 1]), frame.assign(actual=[7, 2, 2])):
        with pytest.raises(DigitsError, match=rf"different test images \(3 and {len(other)}\): score both"):
            refuse_other_images(frame, other)


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


def test_non_inferiority_needs_images_as_well_as_a_small_difference():
    few = compare_paired(*outcomes(300, 2, 2))
    many = compare_paired(*outcomes(10_000, 40, 45))
    assert not non_inferior(few, 0.005)
    assert non_inferior(many, 0.005)
    assert not non_inferior(many, -many.low)


def test_p_is_never_shown_as_zero_or_rounded_onto_the_limit():
    assert [p_text(p) for p in (0.0, 0.00012, 0.0496, 0.146, 1.0)] == [
        "p < 0.0001",
        "p = 0.0001",
        "p = 0.0496",
        "p = 0.15",
        "p = 1.00",
    ]


@given(st.floats(0.001, 0.5), st.integers(1, 300))
def test_the_levels_of_all_models_add_up_to_the_significance_at_most(significance, models):
    assert sum(level(significance, number) for number in range(1, models + 1)) <= significance
    assert level(significance, 1) == significance / 2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_rel
from statsmodels.stats.multitest import multipletests

from digits.evaluation.seeds import compare_seeds

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


@pytest.mark.slow
@settings(max_examples=10)
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

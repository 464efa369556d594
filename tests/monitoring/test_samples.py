import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, ks_2samp

from digits.monitoring.samples import Pool

NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6), st.just(float("nan")))


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(NUMBERS, st.integers(0, 4), st.booleans(), st.sampled_from("12-")), min_size=2, max_size=60))
def test_samples_are_compared_as_scipy_does(rows):
    numbers, classes, shares, samples = map(np.array, zip(*rows, strict=True))
    samples = list(samples)
    # None of the samples is empty.
    samples[0], samples[1] = "1", "2"
    first, second = (np.array([sample == name for sample in samples]) for name in "12")
    found = Pool([numbers], [classes], [shares]).compare(first, second)
    ours, theirs = (numbers[one & np.isfinite(numbers)] for one in (first, second))
    assert found.counts == [(len(ours), len(theirs))]
    assert found.distances[0] == pytest.approx(ks_2samp(ours, theirs).statistic if len(ours) and len(theirs) else 1.0)
    assert found.shares == [(shares[first].sum(), first.sum(), shares[second].sum(), second.sum())]
    assert found.differences[0] == pytest.approx(shares[second].mean() - shares[first].mean())
    values = np.union1d(classes[first], classes[second])
    counts = [[np.count_nonzero(classes[one] == value) for value in values] for one in (first, second)]
    expected = chi2_contingency(counts, correction=False)
    assert (found.chi2, found.freedom) == (pytest.approx(expected.statistic), len(values) - 1)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from digits.monitoring.drift import NUMBERS, TITLES, alarm_threshold, compare, describe, pool_of, smallest_p
from digits.validation.expectations import FEATURES

BOUNDS = {"max": [250, 255], "width": [2, 20]}


def healthy(count, seed=0):
    """Columns as `describe` gives them, without images."""
    rng = np.random.default_rng(seed)
    columns = {name: rng.normal(size=count) for name in NUMBERS}
    columns |= {"digit": rng.integers(0, 10, count), "sure": rng.random(count) < 0.9}
    return columns | {"inside": np.ones(count, bool)}


def test_images_are_described_by_what_is_compared(mnist_sample):
    probabilities = np.eye(10)[mnist_sample.y_test] * 0.8 + 0.02
    columns = describe(mnist_sample.x_test, probabilities, 0.81, BOUNDS)
    assert set(columns) == set(FEATURES) | set(TITLES) and {len(values) for values in columns.values()} == {400}
    assert columns["inside"].all() and sum(values.itemsize for values in columns.values()) <= 40
    np.testing.assert_array_equal(columns["digit"], mnist_sample.y_test)
    assert columns["sure"].all() and columns["confidence"] == pytest.approx(0.82)
    assert columns["mean"] == pytest.approx(mnist_sample.x_test.mean(axis=(1, 2)))


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000), st.sampled_from([*NUMBERS]))
def test_the_column_that_moved_has_the_smallest_p(seed, moved):
    reference, batch = healthy(2000, seed), healthy(300, seed + 1)
    batch[moved] = batch[moved] + 1
    table = compare(reference, batch)
    assert table["adjusted"].idxmin() == moved and table.loc[moved, "adjusted"] < 1e-6
    assert (table["adjusted"] >= table["p"]).all() and list(table.index) == list(TITLES)
    assert table.loc[moved, "found"] - table.loc[moved, "expected"] == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize(("size", "factor"), [(10, 1.5), (100, 1.1), (2000, 1.05)])
def test_the_p_of_numbers_is_that_of_scipy(size, factor):
    reference, batch = healthy(5000), healthy(size, 1)
    table = compare(reference, batch)
    for name in NUMBERS:
        p = ks_2samp(reference[name], batch[name]).pvalue
        assert p / factor <= table.loc[name, "p"] <= p * factor


def test_shares_that_changed_are_found():
    reference, batch = healthy(2000), healthy(300, 1)
    batch["digit"][:100] = 3
    batch["sure"][:60] = False
    adjusted = compare(reference, batch)["adjusted"]
    assert adjusted["digit"] < 1e-6 and adjusted["sure"] < 1e-4 and adjusted[[*NUMBERS]].min() > 0.05


@pytest.mark.parametrize("count", [1, 2, 5000])
def test_a_batch_of_any_size_and_blank_images_are_compared(count):
    reference, batch = healthy(2000), healthy(count, 1)
    batch["x"][:] = batch["y"][:] = np.nan
    batch["sure"][:] = True
    reference["sure"][:] = True
    table = compare(reference, batch)
    assert table["p"].between(0, 1).all() and table.loc["sure", "p"] == 1 and table.loc["x", "p"] == 0


def test_healthy_batches_raise_as_many_alarms_as_was_asked_for():
    """300 healthy batches at a rate of 0.1: 99.9 % of binomial draws lie within."""
    reference = healthy(3000)
    threshold = alarm_threshold(reference, 200, 0.1, range(300))
    batches = [healthy(200, seed) for seed in range(1, 301)]
    joined = {name: np.concatenate([reference[name], *(batch[name] for batch in batches)]) for name in reference}
    places, pool = np.arange(63_000), pool_of(joined)
    starts = range(3000, 63_000, 200)
    found = [pool.compare(places < 3000, (start <= places) & (places < start + 200)) for start in starts]
    assert 14 <= (smallest_p(found) <= threshold).sum() <= 52


def test_the_same_seed_gives_the_same_threshold():
    reference = healthy(500)
    first, again, other = (alarm_threshold(reference, 50, 0.1, range(20), seed) for seed in (0, 0, 1))
    assert first == again != other


def test_images_outside_the_bounds_are_counted(mnist_sample):
    images = mnist_sample.x_test[:4].copy()
    images[1] //= 2
    images[2, 10] = 255
    columns = describe(images, np.eye(10)[:4], 0.5, BOUNDS)
    assert columns["inside"].tolist() == [True, False, False, True]


def test_one_image_outside_the_bounds_is_chance_and_five_are_not():
    """No validation image is outside, so resampling could not say how often a healthy one is: Fisher's test does."""
    reference, batch = healthy(18_000), healthy(1000, 1)
    batch["inside"][0] = False
    assert compare(reference, batch).loc["inside", "p"] == pytest.approx(1000 / 19_000)
    batch["inside"][:5] = False
    table = compare(reference, batch)
    assert table.loc["inside", "adjusted"] < 1e-4 and table.loc["inside", "statistic"] == pytest.approx(-0.005)


def test_the_smallest_p_of_a_comparison_is_that_of_the_table():
    columns = healthy(2000)
    is_drawn = np.arange(2000) >= 1700
    reference, batch = ({name: values[rows] for name, values in columns.items()} for rows in (~is_drawn, is_drawn))
    p = smallest_p([pool_of(columns).compare(~is_drawn, is_drawn)])
    assert p == pytest.approx([compare(reference, batch)["adjusted"].min()])


def test_a_batch_of_any_size_has_a_threshold():
    reference = healthy(500)
    half, more = (alarm_threshold(reference, size, 0.1, range(20)) for size in (250, 10**7))
    assert half == more and 0 <= alarm_threshold(reference, 1, 0.1, range(20)) <= 1

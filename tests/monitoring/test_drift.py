import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.monitoring.drift import NUMBERS, SHARES, alarm_threshold, compare, describe, smallest_p


def healthy(count, seed=0):
    """Columns as `describe` gives them, without images."""
    rng = np.random.default_rng(seed)
    columns = {name: rng.normal(size=count) for name in NUMBERS}
    return columns | {"digit": rng.integers(0, 10, count), "sure": rng.random(count) < 0.9}


def test_images_are_described_by_what_is_compared(mnist_sample):
    probabilities = np.eye(10)[mnist_sample.y_test] * 0.8 + 0.02
    columns = describe(mnist_sample.x_test, probabilities, 0.81)
    assert set(columns) == set(NUMBERS) | set(SHARES) and {len(values) for values in columns.values()} == {400}
    np.testing.assert_array_equal(columns["digit"], mnist_sample.y_test)
    assert columns["sure"].all() and columns["confidence"] == pytest.approx(0.82)
    assert columns["mean"] == pytest.approx(mnist_sample.x_test.mean(axis=(1, 2)))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.sampled_from([*NUMBERS]))
def test_the_column_that_moved_has_the_smallest_p(seed, moved):
    reference, batch = healthy(2000, seed), healthy(300, seed + 1)
    batch[moved] = batch[moved] + 1
    table = compare(reference, batch)
    assert table["adjusted"].idxmin() == moved and table.loc[moved, "adjusted"] < 1e-6
    assert table["adjusted"].min() == pytest.approx(smallest_p(reference, batch))
    assert (table["adjusted"] >= table["p"]).all() and list(table.index) == [*NUMBERS, *SHARES]
    assert table.loc[moved, "found"] - table.loc[moved, "expected"] == pytest.approx(1, abs=0.3)


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
    alarms = sum(smallest_p(reference, healthy(200, seed)) <= threshold for seed in range(1, 301))
    assert 14 <= alarms <= 52


def test_the_same_seed_gives_the_same_threshold():
    reference = healthy(500)
    first, again, other = (alarm_threshold(reference, 50, 0.1, range(20), seed) for seed in (0, 0, 1))
    assert first == again != other

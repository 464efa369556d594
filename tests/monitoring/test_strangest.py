import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.monitoring.drift import describe
from digits.monitoring.strangest import MOST, Extremes


def described(images, seed=0):
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(10), len(images))
    return describe(images, probabilities, 0.5, {})


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 399), max_size=4), st.integers(0, 100))
def test_the_strangest_are_the_same_however_the_log_is_cut(mnist_sample, cuts, seed):
    images = mnist_sample.x_test
    columns, reference = described(images, seed), described(mnist_sample.x_train)
    extremes = Extremes()
    for rows in np.split(np.arange(400), sorted(set(cuts))):
        extremes.add({name: values[rows] for name, values in columns.items()}, images[rows])
    assert len(extremes.pixels) <= 17 * MOST
    assert [one.confidence for one in extremes.least_sure(reference)] == sorted(columns["confidence"].tolist())[:MOST]
    names = ("min", "max", "mean", "area", "x", "y", "width", "height")
    known = {name: reference[name].astype(float) for name in names}
    distances = np.array(
        [np.abs(columns[name] - known[name].mean()) / known[name].std() for name in names if known[name].std()]
    ).max(axis=0)
    shown = [
        abs(one.value - known[one.feature].mean()) / known[one.feature].std() for one in extremes.farthest(reference)
    ]
    np.testing.assert_allclose(shown, np.sort(distances)[::-1][:MOST], rtol=1e-5)


def test_an_image_that_was_sent_many_times_is_shown_once(mnist_sample):
    images = np.repeat(mnist_sample.x_test[:3], 50, axis=0)
    extremes, columns = Extremes(), described(images[:1])
    extremes.add({name: np.repeat(values, 150) for name, values in columns.items()}, images)
    assert len(extremes.pixels) == len(extremes.least_sure(described(mnist_sample.x_train))) <= 3


def test_a_blank_image_and_one_on_grey_are_strange(mnist_sample):
    images = mnist_sample.x_test[:5].copy()
    images[1], images[3] = 0, np.maximum(images[3], 40)
    extremes, columns = Extremes(), described(images)
    extremes.add(columns, images)
    reference = described(mnist_sample.x_train)
    first, second, *_ = extremes.farthest(reference)
    # No validation image has another darkest pixel: nothing is farther.
    assert (first.feature, first.value) == ("min", 40) and (first.pixels == images[3]).all()
    assert second.feature == "max" and second.value == 0 and not second.pixels.any()

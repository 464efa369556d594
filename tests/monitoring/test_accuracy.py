import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.monitoring.accuracy import class_shares, estimated_accuracy


def answers(count, seed):
    """Probabilities, and whether the answers are right: as often as they say."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.4, 1, count)
    return confidence, rng.random(count) < confidence


@pytest.mark.slow
def test_the_accuracy_is_estimated_without_labels():
    """Of live images that are harder, for a model whose probabilities are too high."""
    misses = []
    for seed in range(10):
        confidence, right = answers(3000, seed)
        live, truth = answers(500, 100 + seed)
        hard = live < 0.8
        live, truth = live[hard], truth[hard]
        # What the model says is a distortion of what is true.
        value, low, high = estimated_accuracy(np.sqrt(confidence), right, np.sqrt(live))
        assert low <= value <= high and high - low < 0.1
        misses.append(value - truth.mean())
    # The truth of 330 images has a standard deviation of 0.027: five of those for one, and for the mean of ten.
    assert max(map(abs, misses)) < 0.135 and abs(np.mean(misses)) < 0.045


def test_one_image_has_an_estimate():
    confidence, right = answers(1000, 0)
    value, low, high = estimated_accuracy(confidence, right, np.array([0.9]))
    assert 0.8 < value < 1 and low <= value <= high


@given(st.lists(st.integers(1, 50), min_size=4, max_size=4))
def test_shares_of_classes_are_found_behind_the_mistakes(counts):
    # Of 20 images of a class so many are read as each class. Class 3 is often read as 0.
    reads = np.array([[18, 1, 1, 0], [0, 20, 0, 0], [0, 2, 18, 0], [8, 0, 0, 12]])

    def read(label):
        return np.repeat(np.arange(4), reads[label])

    actual = np.repeat(np.arange(4), 20)
    predicted = np.concatenate([read(label) for label in range(4)])
    live = np.concatenate([np.tile(read(label), count) for label, count in enumerate(counts)])
    found = class_shares(predicted, actual, live, 4)
    assert found == pytest.approx(np.array(counts) / sum(counts))


def test_a_class_without_validation_images_gets_nothing():
    labels = np.array([0, 1, 0, 1])
    assert class_shares(labels, labels, np.array([0, 0, 1, 0]), 3).tolist() == pytest.approx([0.75, 0.25, 0])

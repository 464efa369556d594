import numpy as np
import pytest

from digits.audit.doubts import accuracy_without, doubtful

RNG = np.random.default_rng(3)


def probabilities(labels, classes):
    """Networks that are mostly sure of the label."""
    found = RNG.uniform(0, 0.1, (len(labels), classes)).astype(np.float32)
    found[np.arange(len(labels)), labels] += 1
    return found / found.sum(axis=1, keepdims=True)


def test_wrong_labels_are_found_the_least_probable_first():
    truth = RNG.integers(0, 4, 400)
    believed = probabilities(truth, 4)
    labels = truth.copy()
    wrong = [5, 60, 200]
    labels[wrong] = (labels[wrong] + 1) % 4
    found = doubtful(labels, believed)
    assert sorted(found["row"]) == wrong and found["issue"].any()
    assert found["given_probability"].is_monotonic_increasing
    assert (found["suggested"] == truth[found["row"]]).all()
    one = found.iloc[0]
    assert one["given_probability"] == pytest.approx(believed[one["row"], one["given"]])
    assert one["suggested_probability"] == pytest.approx(believed[one["row"], one["suggested"]])


def test_a_label_that_no_image_has_is_no_obstacle():
    """EMNIST's letters begin with 1."""
    truth = RNG.integers(1, 4, 300)
    labels = truth.copy()
    labels[9] = 1 + labels[9] % 3
    assert doubtful(labels, probabilities(truth, 5))["row"].tolist() == [9]


def test_without_a_doubt_the_table_is_empty():
    labels = RNG.integers(0, 3, 60)
    assert doubtful(labels, probabilities(labels, 3)).empty
    # With a single class, nothing else is possible.
    assert doubtful(np.zeros(5, np.int64), np.ones((5, 1), np.float32)).empty


def test_an_accuracy_without_some_images():
    right = np.array([True, True, False, False])
    assert accuracy_without(right, np.array([], np.int64))["accuracy"] == 0.5
    found = accuracy_without(right, np.array([2]))
    assert (found["n"], found["accuracy"]) == (3, 2 / 3) and found["low"] < 2 / 3 < found["high"]

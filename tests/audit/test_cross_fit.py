"""Folds in which each image is left out once, and networks that never saw what they judge."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sample import read_sample
from support.tiny import tiny_params

from digits.audit.cross_fit import cross_fit, fold_rows
from digits.data.raw import Split
from digits.errors import DigitsError

NAMES = [str(label) for label in range(10)]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(2, 9), min_size=1, max_size=10), st.integers(2, 4), st.integers(0, 9))
def test_each_row_is_left_out_once_and_classes_are_shared_out_alike(counts, folds, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    if min(counts) < folds:
        with pytest.raises(DigitsError, match=rf"has {min(counts)} training images, .* give --folds {min(counts)}$"):
            list(fold_rows(labels, folds, NAMES, seed))
        return
    found = list(fold_rows(labels, folds, NAMES, seed))
    assert sorted(np.concatenate([own for _, own in found])) == list(range(len(labels)))
    for others, own in found:
        assert sorted([*others, *own]) == list(range(len(labels)))
        shares = np.bincount(labels[own], minlength=len(counts))
        assert (np.abs(shares - np.array(counts) / folds) < 1).all()


def test_a_class_with_one_image_cannot_be_left_out():
    with pytest.raises(DigitsError, match=r"^class 2 has 1 training image, and each of 2 folds needs one: add images"):
        list(fold_rows(np.array([0, 0, 2, 0]), 2, NAMES, 0))


def fit_twice():
    """In a process of its own: another test may have set the number of TensorFlow's threads."""
    sample = read_sample()
    train, test = Split(sample.x_train, sample.y_train), Split(sample.x_test[:50], sample.y_test[:50])
    seen: list[tuple[int, float]] = []
    params = tiny_params(threads=1, epochs=1)
    runs = [cross_fit(params, train, test, NAMES, 2, lambda *fold: seen.append(fold)) for _ in range(2)]
    return runs, seen, train.labels


@pytest.mark.slow
def test_probabilities_are_the_same_each_time_and_of_images_that_were_not_seen():
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        ((first, first_test), (again, again_test)), seen, labels = other.submit(fit_twice).result()
    assert (first == again).all() and (first_test == again_test).all()
    assert first.shape == (1000, 10) and first_test.shape == (50, 10)
    np.testing.assert_allclose(first_test.sum(axis=1), 1, atol=1e-5)
    assert [fold for fold, _ in seen] == [1, 2, 1, 2]
    # What is reported are the images that were left out, half of them in each fold.
    assert np.isclose(np.mean([right for _, right in seen[:2]]), (first.argmax(axis=1) == labels).mean())

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.data.split import split_rows, to_categorical
from digits.errors import DigitsError

# At least 20 images of each of 2 to 10 classes, in any order.
label_arrays = st.builds(
    lambda sizes, seed: np.random.default_rng(seed).permutation(
        np.repeat(np.arange(len(sizes), dtype=np.uint8), sizes)
    ),
    st.lists(st.integers(20, 60), min_size=2, max_size=10),
    st.integers(0, 2**16),
)
shares = st.floats(0.1, 0.9)
seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None)
@given(label_arrays, shares, st.sampled_from(["stratified", "last"]), seeds)
def test_every_row_is_on_exactly_one_side(labels, share, how, seed):
    train, validation = split_rows(labels, share, how, seed)
    assert sorted([*train, *validation]) == list(range(len(labels)))
    assert list(train) == sorted(train) and list(validation) == sorted(validation)
    assert abs(len(validation) - share * len(labels)) <= 1
    assert train.dtype == validation.dtype == np.int64


@settings(deadline=None)
@given(label_arrays, shares, seeds)
def test_stratified_keeps_every_class_balanced(labels, share, seed):
    _, validation = split_rows(labels, share, "stratified", seed)
    expected = np.bincount(labels) * len(validation) / len(labels)
    # scikit-learn rounds each class down and then deals out the rest one by one.
    assert (abs(np.bincount(labels[validation], minlength=len(expected)) - expected) <= 1 + 1e-9).all()


@settings(deadline=None, max_examples=25)
@given(label_arrays, seeds)
def test_the_seed_alone_decides(labels, seed):
    first, again, other = (split_rows(labels, 0.3, "stratified", s)[1] for s in (seed, seed, seed ^ 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_default_split_of_mnist_has_the_seeds_sizes():
    labels = np.arange(60000) % 10
    for how in ("stratified", "last"):
        train, validation = split_rows(labels, 0.3, how, 42)
        assert (len(train), len(validation)) == (42000, 18000)


@pytest.mark.parametrize(("how", "share"), [("stratified", 0.001), ("stratified", 0.999), ("last", 0.999)])
def test_an_empty_side_is_refused(how, share):
    with pytest.raises(DigitsError, match=f"preprocess.validation_split = {share}"):
        split_rows(np.arange(100) % 10, share, how, 0)


def test_a_class_of_one_cannot_be_stratified():
    with pytest.raises(DigitsError, match=r"preprocess.validation_split = 0.3: .*least populated class"):
        split_rows(np.array([0] * 50 + [1]), 0.3, "stratified", 0)


@pytest.mark.slow
def test_last_and_one_hot_are_those_of_keras():
    """The expected values come from Keras itself, in a process of its own."""
    cases = [(n, share) for n in (7, 10, 59, 1000, 60000) for share in (0.1, 0.29, 0.3, 0.58, 0.7)]
    labels = [3, 0, 2, 2]
    code = """
import json, sys
import numpy as np
from keras.src.trainers.data_adapters.array_slicing import train_validation_split
from keras.utils import to_categorical
cases, labels = json.loads(sys.argv[1])
cuts = [len(train_validation_split((np.zeros(n),), share)[0][0]) for n, share in cases]
print(json.dumps([cuts, np.asarray(to_categorical(labels, 5)).tolist()]))
"""
    command = [sys.executable, "-c", code, json.dumps([cases, labels])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cuts, one_hot = json.loads(done.stdout.splitlines()[-1])
    assert [len(split_rows(np.zeros(n), share, "last", 0)[0]) for n, share in cases] == cuts
    assert to_categorical(np.array(labels), 5).tolist() == one_hot


@given(st.lists(st.integers(0, 9)), st.integers(10, 20))
def test_one_hot(labels, classes):
    one_hot = to_categorical(np.array(labels, np.uint8), classes)
    assert one_hot.dtype == np.float32 and one_hot.shape == (len(labels), classes)
    assert (one_hot.sum(axis=1) == 1).all() and one_hot.argmax(axis=1).tolist() == labels


def test_a_label_without_a_name_is_refused():
    with pytest.raises(DigitsError, match=r"label 9 .* preprocess.class_names has 9 names"):
        to_categorical(np.array([0, 9], np.uint8), 9)

import numpy as np
import pytest
from support.reports import REPORTS

from digits import paths
from digits.arrays import StoredArray
from digits.data.dataset import Dataset, array_hash
from digits.errors import DigitsError


def test_a_split_is_read_as_it_was_written(tmp_path):
    images, labels = np.arange(8, dtype=np.uint8).reshape(2, 2, 2), np.eye(2, dtype=np.float32)
    np.save(tmp_path / "x_train.npy", images)
    np.save(tmp_path / "y_train.npy", labels)
    np.save(tmp_path / "train_rows.npy", np.array([4, 7]))
    (tmp_path / "dataset.json").write_text(REPORTS[paths.DATASET])
    dataset = Dataset(tmp_path)
    found = dataset.arrays("train")
    np.testing.assert_array_equal(found[0], images)
    np.testing.assert_array_equal(found[1], labels)
    # A stage that reads a part of a split loads only that part.
    assert all(isinstance(array, StoredArray) for array in found)
    assert dataset.labels("train").tolist() == [0, 1] and dataset.labels("train").dtype == np.int64
    assert dataset.rows("train").tolist() == [4, 7]
    assert dataset.class_names == ["cat", "dog"] and dataset.facts["train"] == 2


def test_the_hash_is_that_of_shape_type_and_values():
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    others = [array.T, array.astype(np.int16), array + 1, array.reshape(4, 3)]
    assert array_hash(array) == array_hash(np.asfortranarray(array))
    assert len({array_hash(array), *(array_hash(other) for other in others)}) == 5


def test_missing_and_damaged_arrays_are_one_line(tmp_path):
    dataset = Dataset(tmp_path)
    with pytest.raises(DigitsError, match=r"x_test.npy is missing: run `dvc repro` to make it, or `dvc checkout`"):
        dataset.arrays("test")
    with pytest.raises(DigitsError, match=r"dataset.json is missing"):
        _ = dataset.class_names
    whole = tmp_path / "whole.npy"
    np.save(whole, np.zeros((5, 28, 28), np.uint8))
    for damaged in (b"", b"not npy", whole.read_bytes()[:60], whole.read_bytes()[:-1]):
        (tmp_path / "x_test.npy").write_bytes(damaged)
        with pytest.raises(DigitsError, match=r"x_test.npy cannot be read"):
            dataset.arrays("test")

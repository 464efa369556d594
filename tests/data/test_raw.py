import struct

import numpy as np
import pytest

from digits.data.idx import format_idx
from digits.data.raw import FILES, RAW_NAMES, read_raw
from digits.errors import DigitsError
from digits.params.schema import RawFiles


@pytest.fixture
def raw(tmp_path):
    images, labels = np.zeros((3, 4, 4), dtype=np.uint8), np.zeros(3, dtype=np.uint8)
    for images_name, labels_name in FILES.values():
        (tmp_path / images_name).write_bytes(format_idx(images))
        (tmp_path / labels_name).write_bytes(format_idx(labels))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-labels-idx1-ubyte", None, r"train-labels-idx1-ubyte is missing: run"),
        ("train-images-idx3-ubyte", b"\x1f\x8b\x08\x00", r"train-images-idx3-ubyte: not an IDX file \(it starts with"),
        ("t10k-images-idx3-ubyte", np.zeros((3, 16)), r"t10k-images-idx3-ubyte: 2 dimensions \(3, 16\), but 3 are"),
        ("t10k-labels-idx1-ubyte", np.zeros(4), r"t10k-labels-idx1-ubyte: 4 labels for the 3 images of t10k-images"),
        ("train-labels-idx1-ubyte", np.zeros(0), r"train-labels-idx1-ubyte: its header \(0,\) says that it is empty"),
        ("t10k-images-idx3-ubyte", np.zeros((3, 5, 5)), r"pictures of 4×4 and 5×5"),
        ("t10k-images-idx3-ubyte", np.zeros((3, 5, 4)), r"images of 5×4, but validate.side is one number: pad them"),
        ("t10k-images-idx3-ubyte", np.zeros((3, 4, 4, 3)), r"4 dimensions \(3, 4, 4, 3\), but 3 are expected"),
    ],
)
def test_files_that_are_wrong_or_do_not_match_are_named(raw, name, content, message):
    if content is None:
        (raw / name).unlink()
    else:
        (raw / name).write_bytes(content if isinstance(content, bytes) else format_idx(content.astype(np.uint8)))
    with pytest.raises(DigitsError, match=message) as caught:
        read_raw(raw)
    assert "\n" not in str(caught.value)


def test_the_splits_are_read_as_pairs_of_images_and_labels(raw):
    images, labels = np.arange(32, dtype=np.uint8).reshape(2, 4, 4), np.array([7, 1], np.uint8)
    for name, array in zip(FILES["test"], (images, labels), strict=True):
        (raw / name).write_bytes(format_idx(array))
    splits = read_raw(raw)
    assert list(splits) == ["train", "test"]
    np.testing.assert_array_equal(splits["test"].images, images)
    np.testing.assert_array_equal(splits["test"].labels, labels)
    assert splits["train"].images.shape == (3, 4, 4)


def test_every_file_of_the_schema_has_a_name_and_a_split():
    assert list(RAW_NAMES) == list(RawFiles.model_fields)
    assert sorted(RAW_NAMES.values()) == sorted(name for names in FILES.values() for name in names)


def as_idx(array, kind):
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


def test_of_qmnists_eight_columns_the_first_is_the_class(raw):
    labels = np.arange(24).reshape(3, 8).astype(">i4")
    (raw / "train-labels-idx1-ubyte").write_bytes(as_idx(labels, 0x0C))
    read = read_raw(raw)["train"].labels
    assert read.dtype == np.uint8 and read.tolist() == [0, 8, 16]


@pytest.mark.parametrize(("kind", "dtype"), [(0x09, "i1"), (0x0B, ">i2"), (0x0C, ">i4")])
def test_labels_may_be_whole_numbers_of_any_type(raw, kind, dtype):
    (raw / "train-labels-idx1-ubyte").write_bytes(as_idx(np.array([1, 0, 9], dtype), kind))
    read = read_raw(raw)["train"].labels
    assert read.dtype == np.uint8 and read.tolist() == [1, 0, 9]


@pytest.mark.parametrize(
    ("name", "array", "kind", "message"),
    [
        ("train-labels-idx1-ubyte", np.array([0, 1, 256], ">i4"), 0x0C, "labels from 0 to 256, but 0 to 255 are"),
        ("train-labels-idx1-ubyte", np.array([0, -1, 2], "i1"), 0x09, "labels from -1 to 2, but 0 to 255 are"),
        ("train-labels-idx1-ubyte", np.zeros((3, 10), ">i4"), 0x0C, "10 numbers a label, but 1 is expected, or QMNIST"),
        ("train-labels-idx1-ubyte", np.zeros(3, ">f4"), 0x0D, "labels of type float32, but whole numbers are"),
        ("t10k-images-idx3-ubyte", np.zeros((3, 4, 4), ">f8"), 0x0E, "pixels of type float64, but bytes from 0 to 255"),
        ("t10k-images-idx3-ubyte", np.zeros((3, 4, 4), "i1"), 0x09, "pixels of type int8, but bytes from 0 to 255"),
    ],
)
def test_values_that_are_no_labels_or_pixels_are_refused(raw, name, array, kind, message):
    (raw / name).write_bytes(as_idx(array, kind))
    with pytest.raises(DigitsError, match=message) as caught:
        read_raw(raw)
    assert name in str(caught.value) and "\n" not in str(caught.value)

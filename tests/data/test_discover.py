"""Which data set lies in a folder."""

import gzip
import hashlib
import struct

import numpy as np
import pytest
from support.raw_sources import ARRAYS, FILES

from digits.data.discover import discover
from digits.data.idx import format_idx
from digits.errors import DigitsError


def write(root, rename=lambda name: name, pack=lambda data: data, files=FILES):
    for name, data in files.items():
        path = root / rename(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pack(data))


LAYOUTS = {
    "MNIST's names": lambda name: name,
    "EMNIST's": lambda name: f"gzip/emnist-letters-{name.replace('t10k', 'test')}",
    "Kaggle's": lambda name: f"{name.replace('-idx', '.idx')}/{name.replace('-idx', '.idx')}",
    "folders of the splits": lambda name: f"{'train' if 'train' in name else 'TEST'}/{name.partition('-')[2]}",
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_the_four_files_are_told_apart_by_name_and_dimensions(tmp_path, layout, pack):
    write(tmp_path, LAYOUTS[layout], pack)
    (tmp_path / "notes.txt").write_text("train and test")
    found = discover(tmp_path)
    assert list(found.files) == ["train_images", "train_labels", "test_images", "test_labels"]
    assert list(found.hashes.values()) == [hashlib.sha256(data).hexdigest() for data in FILES.values()]
    np.testing.assert_array_equal(found.splits["train"].images, ARRAYS["x_train"])
    np.testing.assert_array_equal(found.splits["test"].labels, ARRAYS["y_test"])


def test_the_same_file_plain_and_gzipped_is_one(tmp_path):
    write(tmp_path)
    write(tmp_path, lambda name: f"{name}.gz", gzip.compress)
    assert len(discover(tmp_path).files) == 4


def test_of_several_data_sets_one_is_named(tmp_path):
    write(tmp_path, lambda name: f"emnist-letters-{name}")
    write(tmp_path, lambda name: f"emnist-digits-{name}", files=dict(zip(FILES, reversed(FILES.values()), strict=True)))
    with pytest.raises(DigitsError, match=r"several data sets \(emnist-digits-.* with --only"):
        discover(tmp_path)
    assert discover(tmp_path, "letters").files["test_labels"].place == "emnist-letters-t10k-labels-idx1-ubyte"


def test_labels_of_qmnist_are_labels(tmp_path):
    write(tmp_path, lambda name: f"qmnist-{name.replace('t10k', 'test').replace('idx1-ubyte', 'idx2-int')}")
    columns = np.repeat(ARRAYS["y_test"][:, None], 8, axis=1).astype(">i4")
    header = struct.pack(">HBBII", 0, 0x0C, 2, *columns.shape)
    (tmp_path / "qmnist-test-labels-idx2-int").write_bytes(header + columns.tobytes())
    assert discover(tmp_path).splits["test"].labels.tolist() == ARRAYS["y_test"].tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda files: files.pop("t10k-labels-idx1-ubyte"), "no IDX file of test labels, by its name"),
        (lambda files: files.clear(), "no IDX file of train images and train labels and"),
        (lambda files: files.update({"t10k-labels-idx1-ubyte": format_idx(np.zeros(3, np.uint8))}), "3 labels for the"),
        (
            lambda files: files.update({"t10k-images-idx3-ubyte": format_idx(np.zeros((10, 28, 20), np.uint8))}),
            "images of 28×20, but validate.side is one number: pad them to squares",
        ),
        (lambda files: files.update({"t10k-labels-idx1-ubyte": b"\0\0\x08\x01\0\0"}), "too short for an IDX header"),
    ],
)
def test_what_is_no_data_set_is_refused_in_one_line(tmp_path, change, message):
    files = dict(FILES)
    change(files)
    write(tmp_path, files=files)
    with pytest.raises(DigitsError, match=message) as refused:
        discover(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_place_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DigitsError, match="nowhere: no such file or folder"):
        discover(tmp_path / "nowhere")

"""The raw data set: four IDX files in one folder, read and paired."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.arrays import Rows, StoredArray
from digits.data.idx import open_idx
from digits.errors import DigitsError
from digits.files import missing

# The files of data/raw, by key of `fetch.files` in params.yaml. A source may call them otherwise.
RAW_NAMES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
# The file of images and the file of labels of each split.
FILES = {split: (RAW_NAMES[f"{split}_images"], RAW_NAMES[f"{split}_labels"]) for split in ("train", "test")}


class Split(NamedTuple):
    """The images of one split, uint8 (n, height, width), and their labels, uint8 (n,).

    Images are read by `digits.arrays.chunks`, because those of a file stay there.
    """

    images: Rows
    labels: np.ndarray


# QMNIST has eight columns of int32 for each image; the first is the class. Source: C. Yadav and L. Bottou, "Cold case:
# the lost MNIST digits", NeurIPS 2019, and https://github.com/facebookresearch/qmnist.
_QMNIST_COLUMNS = 8


def read_raw(folder: Path | str, may_be_empty: bool = False) -> dict[str, Split]:
    """Read the splits `train` and `test`. The images stay in their files.

    Args:
        folder: of the four files.
        may_be_empty: whether a split without images is accepted.

    Raises:
        DigitsError: a file is missing, malformed or empty, or has the wrong number of dimensions; its pixels are no
            bytes, its images not square, or its labels beyond 0 to 255; there are more images than labels or the
            reverse; or the two splits have images of different sizes.
    """
    splits = {name: _read_split(Path(folder), *files, may_be_empty) for name, files in FILES.items()}
    train, test = (split.images.shape[1:] for split in splits.values())
    if train != test:
        files = " and ".join(images for images, _ in FILES.values())
        raise DigitsError(f"{folder}: {files} hold pictures of {_size(train)} and {_size(test)}: fetch them again")
    return splits


def to_images(array: Rows, name: str, may_be_empty: bool = False) -> Rows:
    """The images of an IDX file: uint8 (n, side, side).

    Raises:
        DigitsError: it holds something else.
    """
    _refuse_shape(array, name, (3,), may_be_empty)
    if array.dtype != np.uint8:
        raise DigitsError(f"{name}: pixels of type {array.dtype.name}, but bytes from 0 to 255 are expected (IDX 0x08)")
    if array.shape[1] != array.shape[2]:
        raise DigitsError(
            f"{name}: images of {_size(array.shape[1:])}, but validate.side is one number: pad them to squares"
        )
    return array


def to_labels(array: Rows, name: str, may_be_empty: bool = False) -> np.ndarray:
    """The labels of an IDX file of any type of integers: uint8 (n,). Of QMNIST's eight columns the first is taken.

    Raises:
        DigitsError: it holds something else.
    """
    _refuse_shape(array, name, (1, 2), may_be_empty)
    if not np.issubdtype(array.dtype, np.integer):
        raise DigitsError(f"{name}: labels of type {array.dtype.name}, but whole numbers are expected")
    if array.ndim == 2 and array.shape[1] != _QMNIST_COLUMNS:
        raise DigitsError(f"{name}: {array.shape[1]} numbers a label, but 1 is expected, or QMNIST's 8")
    labels = np.asarray(array) if array.ndim == 1 else np.asarray(array)[:, 0]
    if labels.size and (labels.min() < 0 or labels.max() > 255):
        raise DigitsError(f"{name}: labels from {labels.min()} to {labels.max()}, but 0 to 255 are expected")
    return labels.astype(np.uint8, copy=False)


def refuse_unpaired(split: Split, images_name: str, labels_name: str) -> None:
    """Refuse images and labels of different numbers.

    Raises:
        DigitsError: they are.
    """
    if len(split.images) != len(split.labels):
        raise DigitsError(
            f"{labels_name}: {len(split.labels):,} labels for the {len(split.images):,} images of "
            f"{images_name}: the two files do not belong together, fetch them again"
        )


def _read_split(folder: Path, images_name: str, labels_name: str, may_be_empty: bool) -> Split:
    images, labels = (folder / images_name, folder / labels_name)
    split = Split(
        to_images(_read(images), str(images), may_be_empty), to_labels(_read(labels), str(labels), may_be_empty)
    )
    refuse_unpaired(split, images_name, str(labels))
    return split


def _read(path: Path) -> StoredArray:
    try:
        return open_idx(path)
    except FileNotFoundError:
        raise missing(path) from None


def _refuse_shape(array: Rows, name: str, dimensions: tuple[int, ...], may_be_empty: bool) -> None:
    if array.ndim not in dimensions:
        raise DigitsError(f"{name}: {array.ndim} dimensions {array.shape}, but {dimensions[0]} are expected")
    if array.size == 0 and not (may_be_empty and len(array) == 0):
        raise DigitsError(f"{name}: its header {array.shape} says that it is empty")


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(str(length) for length in shape)

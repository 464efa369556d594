"""The raw data set: four IDX files in one folder, read and paired."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.data.idx import parse_idx
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
    """The images of one split, uint8 (n, height, width), and their labels, uint8 (n,)."""

    images: np.ndarray
    labels: np.ndarray


def read_raw(folder: Path | str) -> dict[str, Split]:
    """Read the splits `train` and `test`.

    Raises:
        DigitsError: a file is missing, malformed or empty, or has the wrong number of dimensions; or there are more
            images than labels or the reverse; or the two splits have images of different sizes.
    """
    splits = {name: _read_split(Path(folder), *files) for name, files in FILES.items()}
    train, test = (split.images.shape[1:] for split in splits.values())
    if train != test:
        files = " and ".join(images for images, _ in FILES.values())
        raise DigitsError(f"{folder}: {files} hold pictures of {_size(train)} and {_size(test)}: fetch them again")
    return splits


def _read_split(folder: Path, images_name: str, labels_name: str) -> Split:
    split = Split(_read(folder / images_name, 3), _read(folder / labels_name, 1))
    if len(split.images) != len(split.labels):
        raise DigitsError(
            f"{folder / labels_name}: {len(split.labels):,} labels for the {len(split.images):,} images of "
            f"{images_name}: the two files do not belong together, fetch them again"
        )
    return split


def _read(path: Path, dimensions: int) -> np.ndarray:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise missing(path) from None
    array = parse_idx(data, str(path))
    if array.ndim != dimensions:
        raise DigitsError(f"{path}: {array.ndim} dimensions {array.shape}, but {dimensions} are expected")
    if array.size == 0:
        raise DigitsError(f"{path}: its header {array.shape} says that it is empty")
    return array


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(str(length) for length in shape)

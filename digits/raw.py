"""The raw data set: four IDX files in one folder, read and paired."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.errors import DigitsError
from digits.idx import parse_idx

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


class Split(NamedTuple):
    """The images of one split, uint8 (n, height, width), and their labels, uint8 (n,)."""

    images: np.ndarray
    labels: np.ndarray


def read_raw(folder: Path | str) -> dict[str, Split]:
    """Read the splits `train` and `test`.

    Raises:
        DigitsError: a file is missing, malformed, has the wrong number of dimensions or no entry; images and labels, or
            the pictures of the two splits, do not match.
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
        raise DigitsError(f"{path} is missing: run `dvc repro fetch`") from None
    array = parse_idx(data, str(path))
    if array.ndim != dimensions:
        raise DigitsError(f"{path}: {array.ndim} dimensions {array.shape}, but {dimensions} are expected")
    if array.size == 0:
        raise DigitsError(f"{path}: its header {array.shape} says that it is empty")
    return array


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(str(length) for length in shape)

"""The division into training and validation images, one-hot labels, and the arrays of a split."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.arrays import chunks, select, write_npy
from digits.data.raw import Split
from digits.errors import DigitsError

_LABELS_AT_A_TIME = 2**16


def split_rows(labels: np.ndarray, share: float, how: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide rows into training and validation.

    Args:
        labels: integers (n,).
        share: of rows for validation, in (0, 1).
        how: "stratified" draws rows by `seed`, with each class in the same proportion on both sides. "last" takes the
            last rows unshuffled, as Keras' `validation_split` does.
        seed: of the draw; "last" ignores it.

    Returns:
        The training rows and the validation rows, two sorted int64 arrays. Each of 0 … n-1 is in one of them.

    Raises:
        DigitsError: too few images for the share or for the number of classes.
    """
    rows = np.arange(len(labels))
    if how == "last":
        # Keras rounds the training part down (keras.src.trainers.data_adapters.array_slicing.train_validation_split).
        cut = int(len(labels) * (1 - share))
        if not 0 < cut < len(labels):
            raise DigitsError(f"preprocess.validation_split = {share} leaves one side of {len(labels)} images empty")
        return rows[:cut], rows[cut:]

    from sklearn.model_selection import train_test_split

    try:
        train, validation = train_test_split(rows, test_size=share, random_state=seed, stratify=labels)
    except ValueError as error:
        raise DigitsError(
            f"preprocess.validation_split = {share}: {error}; with preprocess.split: last a class may have any number"
        ) from None
    return np.sort(train), np.sort(validation)


def to_categorical(labels: np.ndarray, classes: int) -> np.ndarray:
    """One-hot labels, equal to those of `keras.utils.to_categorical`, without the import of Keras and TensorFlow.

    Args:
        labels: integers (n,) in 0 … classes-1.
        classes: number of columns.

    Returns:
        float32 (n, classes), one 1 a row.

    Raises:
        DigitsError: a label outside 0 … classes-1.
    """
    if len(labels) and labels.max() >= classes:
        raise DigitsError(
            f"label {labels.max()} in the data, but preprocess.class_names has {classes} names: name every label "
            "from 0 on, also one that no image has"
        )
    return np.eye(classes, dtype=np.float32)[labels]


class Part(NamedTuple):
    """Some images of a data set.

    Attributes:
        source: images and labels.
        rows: the numbers of those that are meant, ascending.
        transpose: whether to swap rows and columns of each image.
    """

    source: Split
    rows: np.ndarray
    transpose: bool = False


def write_split(folder: Path, name: str, parts: Sequence[Part], classes: int) -> None:
    """Write the images and one-hot labels of a split, `x_NAME.npy` and `y_NAME.npy`, without holding them.

    Args:
        folder: where to write.
        name: of the split.
        parts: its images, of square data sets of one size.
        classes: number of classes.

    Raises:
        DigitsError: a label outside 0 … classes-1.
    """
    # The labels first: a wrong one costs no time.
    labels = np.concatenate([part.source.labels[part.rows] for part in parts])
    one_hot = (to_categorical(some, classes) for _, some in chunks(labels, _LABELS_AT_A_TIME))
    write_npy(folder / f"y_{name}.npy", np.float32, (len(labels), classes), one_hot)
    images = parts[0].source.images
    write_npy(folder / f"x_{name}.npy", images.dtype, (len(labels), *images.shape[1:]), _images(parts))


def _images(parts: Sequence[Part]) -> Iterator[np.ndarray]:
    for part in parts:
        for images in select(part.source.images, part.rows):
            yield images.transpose(0, 2, 1) if part.transpose else images

"""Training and validation split, one-hot labels, and the memory-mappable arrays that later stages read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digits.errors import DigitsError
from digits.files import read_json


def split_rows(labels: np.ndarray, share: float, how: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide rows into training and validation.

    Args:
        labels: integers (n,).
        share: of rows for validation, in (0, 1).
        how: "stratified": drawn by `seed` with every class in the same proportion on both sides; "last": the last rows
            unshuffled, as Keras' `validation_split` does.
        seed: of the draw; unused by "last".

    Returns:
        Two sorted int64 arrays without common elements, together 0 … n-1.

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
        raise DigitsError(f"preprocess.validation_split = {share}: {error}") from None
    return np.sort(train), np.sort(validation)


def to_categorical(labels: np.ndarray, classes: int) -> np.ndarray:
    """One-hot labels as `keras.utils.to_categorical` gives them, without importing Keras and its backend.

    Args:
        labels: integers (n,) in 0 … classes-1.
        classes: number of columns.

    Returns:
        float32 (n, classes) with a single 1 per row.

    Raises:
        DigitsError: a label outside 0 … classes-1.
    """
    if len(labels) and labels.max() >= classes:
        raise DigitsError(
            f"label {labels.max()} in the data, but preprocess.class_names has {classes} names: name every class"
        )
    return np.eye(classes, dtype=np.float32)[labels]


def array_hash(*arrays: np.ndarray) -> str:
    """SHA-256 over shapes, dtypes and values: the identity of a data set whatever file it came from."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class Dataset:
    """data/processed: images uint8 (n, 28, 28) raw pixels, labels float32 one-hot (n, classes), memory-mapped."""

    folder: Path

    @property
    def facts(self) -> dict:
        """dataset.json: class_names, the three sizes, test_sha256."""
        return read_json(self.folder / "dataset.json")

    @property
    def class_names(self) -> list[str]:
        """Name of label 0, 1, …"""
        return self.facts["class_names"]

    def arrays(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Images and one-hot labels of "train", "validation" or "test".

        Raises:
            DigitsError: a file is missing or damaged.
        """
        return self._load(f"x_{split}.npy"), self._load(f"y_{split}.npy")

    def rows(self, split: str) -> np.ndarray:
        """Where the images of "train" or "validation" stand in the raw training file, int64 (n,).

        Raises:
            DigitsError: as `arrays`.
        """
        return self._load(f"{split}_rows.npy")

    def _load(self, name: str) -> np.ndarray:
        try:
            return np.load(self.folder / name, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise DigitsError(f"{self.folder / name} is missing: run `dvc repro` first") from None
        except (ValueError, EOFError) as error:
            raise DigitsError(f"{self.folder / name} is damaged ({error}): run `dvc repro -f preprocess`") from None

"""The processed data set: images and labels of each split, as the later stages read them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digits import paths, results
from digits.arrays import Rows, StoredArray, chunks, open_npy
from digits.files import damaged, missing


@dataclass(frozen=True)
class Dataset:
    """The arrays of a folder, usually data/processed. They stay in their files until rows of them are asked for.

    Images are raw pixels, uint8 (n, 28, 28). Labels are one-hot, float32 (n, classes).
    """

    folder: Path

    @property
    def facts(self) -> dict:
        """dataset.json: the class names, the sizes of the splits, and `test_sha256`; with `feedback`, its SHA-256."""
        return results.read(paths.DATASET, self.folder / paths.DATASET.name)

    @property
    def has_feedback(self) -> bool:
        """Whether `preprocess.extra` gave test images of its own."""
        return bool(self.facts.get("feedback"))

    @property
    def class_names(self) -> list[str]:
        """Name of label 0, 1, …"""
        return self.facts["class_names"]

    def arrays(self, split: str) -> tuple[StoredArray, StoredArray]:
        """Images and one-hot labels of "train", "validation", "test", or, where `has_feedback`, "feedback".

        Raises:
            DigitsError: a file is missing or damaged.
        """
        return self._load(f"x_{split}.npy"), self._load(f"y_{split}.npy")

    def labels(self, split: str) -> np.ndarray:
        """The labels of a split as integers, int64 (n,).

        Raises:
            DigitsError: as `arrays`.
        """
        one_hot = self._load(f"y_{split}.npy")
        return np.concatenate([part.argmax(axis=1) for _, part in chunks(one_hot)] or [np.zeros(0, np.int64)])

    def rows(self, split: str) -> np.ndarray:
        """The rows of the raw training file from which the first images of "train" or "validation" come, int64 (n,).

        Images of `preprocess.extra` follow them.

        Raises:
            DigitsError: as `arrays`.
        """
        return np.asarray(self._load(f"{split}_rows.npy"))

    def test_images_of(self, test_sha256: str) -> StoredArray | None:
        """The test images, uint8 (n, 28, 28), if they are those with this hash, else None."""
        if not (self.folder / paths.DATASET.name).is_file() or self.facts["test_sha256"] != test_sha256:
            return None
        return self.arrays("test")[0]

    def _load(self, name: str) -> StoredArray:
        try:
            return open_npy(self.folder / name)
        except FileNotFoundError:
            raise missing(self.folder / name) from None
        except (ValueError, EOFError) as error:
            raise damaged(self.folder / name, error) from None


def array_hash(*arrays: Rows) -> str:
    """SHA-256 over dtypes, shapes and values: it identifies a data set, whatever file holds it."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for _, part in chunks(array):
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()

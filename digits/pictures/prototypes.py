"""Typical images of each class: what resembles none of them is not surely a digit, however probable the model finds it.

A network must answer one of its classes, and may be certain of it for a letter, too. The distance to typical training
images does not depend on the network.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from digits.arrays import write_npz
from digits.errors import DigitsError
from digits.files import atomic_path, damaged, missing

# In an image of 28 pixels: the standard deviation of the blur, and one value is kept for so many pixels a side.
_SIDE, _BLUR, _STEP = 28, 1.5, 2


@dataclass(frozen=True, eq=False)
class Prototypes:
    """Typical images of each class, and how far from them an image of the class may be.

    Attributes:
        images: uint8 (classes, k, features), in the form of `softened`, scaled to 255.
        limits: float64 (classes,), distances from 0 to √2; infinite for a class of which too few images are known.
    """

    images: np.ndarray
    limits: np.ndarray

    def strange(self, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Which images are farther than the limit from all typical images of the class that was answered.

        Args:
            pixels: uint8 (n, side, side).
            labels: int (n,), the answers.

        Returns:
            bool (n,).
        """
        return self.distances(pixels, labels) > self.limits[labels]

    def distances(self, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Euclidean distances, float64 (n,), to the nearest typical image. Arguments as for `strange`."""
        found, soft = np.zeros(len(labels)), softened(pixels)
        for label in np.unique(labels):
            typical = _unit(self.images[label].astype(np.float64))
            # Both have length 1, so that |a - b|² = 2 - 2 a·b.
            nearest = (soft[labels == label] @ typical.T).max(axis=1)
            found[labels == label] = np.sqrt(np.maximum(2 - 2 * nearest, 0))
        return found


def softened(pixels: np.ndarray) -> np.ndarray:
    """Blurred images of a quarter of the pixels: a stroke that lies a little elsewhere makes little difference.

    Args:
        pixels: uint8 (n, side, side).

    Returns:
        float64 (n, features); each row has the length 1, or 0 without any ink.
    """
    side = pixels.shape[1]
    sigma, step = _BLUR * side / _SIDE, max(1, round(_STEP * side / _SIDE))
    blurred = ndimage.gaussian_filter(pixels.astype(np.float64), (0, sigma, sigma))
    kept = blurred[:, step // 2 :: step, step // 2 :: step]
    return _unit(kept.reshape(len(kept), kept.shape[1] * kept.shape[2]))


def save_prototypes(prototypes: Prototypes, path: Path) -> None:
    """Write them to an `.npz` file, atomically, the same ones as the same bytes."""
    with atomic_path(path) as part:
        write_npz(part, {"images": prototypes.images, "limits": prototypes.limits})


def load_prototypes(path: Path, classes: int, side: int) -> Prototypes:
    """Read what `save_prototypes` wrote.

    Args:
        path: the file.
        classes: of the model.
        side: of its images.

    Raises:
        DigitsError: the file is missing or torn, or is of a model of other classes or of another side.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = Prototypes(arrays["images"], arrays["limits"])
    except FileNotFoundError:
        raise missing(path) from None
    except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise damaged(path, error) from None
    features = softened(np.zeros((1, side, side), np.uint8)).shape[1]
    images, limits = found.images, found.limits
    if images.ndim != 3 or images.dtype != np.uint8 or limits.shape != images.shape[:1]:
        raise damaged(path, "it has no typical images and limits")
    if (len(images), images.shape[2]) != (classes, features):
        raise DigitsError(f"{path} is of a model of other classes or of another side: run `dvc repro`, or pull again")
    return found


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)

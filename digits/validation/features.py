"""Features of images that need no model, in pandas frames.

Coordinates are in pixels from the centre of the top left pixel, x to the right, y down. A pixel has ink if it is not 0.
"""

import hashlib

import numpy as np
import pandas as pd

from digits.data.raw import Split


def image_frame(split: Split, name: str) -> pd.DataFrame:
    """Describe each image of a split.

    Args:
        split: uint8 images (n, height, width) and labels (n,).
        name: of the split.

    Returns:
        n rows, indexed 0 … n-1, with the columns
        `split`; `row`: its number in the raw file; `label`;
        `min`, `max`, `mean`: of the pixels, 0 to 255; `area`: share of the pixels with ink, 0 to 1;
        `x`, `y`: centre of mass of the ink, NaN for a blank image;
        `left`, `right`, `top`, `bottom`: number of blank columns or rows at that side, all for a blank image;
        `width`, `height`: of the smallest box around the ink, 0 for a blank image;
        `hash`: BLAKE2b of the pixels, 32 hex digits; equal images have equal hashes.
    """
    images, labels = split
    n, height, width = images.shape
    # All places follow from the sums along one axis, which are 28 times smaller than the images.
    columns = images.sum(axis=1, dtype=np.int64)
    rows = images.sum(axis=2, dtype=np.int64)
    ink = columns.sum(axis=1)
    left, right = _blank(columns)
    top, bottom = _blank(rows)
    flat = images.reshape(n, -1)
    with np.errstate(invalid="ignore"):
        x = columns @ np.arange(width) / ink
        y = rows @ np.arange(height) / ink
    return pd.DataFrame(
        {
            "split": name,
            "row": np.arange(n),
            "label": labels.astype(np.int64),
            "min": flat.min(axis=1).astype(np.int64),
            "max": flat.max(axis=1).astype(np.int64),
            "mean": ink / (height * width),
            "area": np.count_nonzero(flat, axis=1) / (height * width),
            "x": x,
            "y": y,
            "left": left,
            "right": right,
            "top": top,
            "bottom": bottom,
            "width": np.maximum(width - left - right, 0),
            "height": np.maximum(height - top - bottom, 0),
            "hash": [hashlib.blake2b(image, digest_size=16).hexdigest() for image in np.ascontiguousarray(flat)],
        }
    )


def twins(frame: pd.DataFrame, other: pd.DataFrame) -> pd.Series:
    """For each image of `frame`, the row of the first image of `other` with the same pixels; <NA> if none has them."""
    first = other.drop_duplicates("hash").set_index("hash")["row"]
    return frame["hash"].map(first).astype("Int64").rename("twin")


def class_means(split: Split, classes: int) -> np.ndarray:
    """The mean image of each class, float64 (classes, height, width); NaN for a class without images."""
    images, labels = split
    means = np.full((classes, *images.shape[1:]), np.nan)
    for label in np.intersect1d(labels, np.arange(classes)):
        means[label] = images[labels == label].mean(axis=0)
    return means


def class_frame(labels: np.ndarray, shares: list[float]) -> pd.DataFrame:
    """Compare the classes' shares with declared ones.

    Args:
        labels: (n,); one outside 0 … classes-1 belongs to no class, but counts in n.
        shares: the declared shares of label 0, 1, …

    Returns:
        One row a class: `class`, `images`, `share`, `declared`, `deviation` (share - declared).
    """
    images = np.bincount(labels, minlength=len(shares))[: len(shares)]
    share = images / len(labels)
    return pd.DataFrame(
        {
            "class": np.arange(len(shares)),
            "images": images,
            "share": share,
            "declared": shares,
            "deviation": share - np.array(shares),
        }
    )


def agreement(split: Split, means: np.ndarray, chunk: int = 5000) -> float:
    """Share of the images whose nearest class mean (Euclidean) is that of their label.

    It shows labels that are shuffled or belong to other images, which no single column shows. It is the accuracy of
    the nearest-centroid classifier (Tibshirani et al., PNAS 99(10), 2002, without shrinkage).

    Args:
        split: images (n, height, width) and labels (n,).
        means: from `class_means`, of this split or another.
        chunk: images at a time; it limits the memory.
    """
    flat = means.reshape(len(means), -1)
    half = (flat**2).sum(axis=1) / 2
    right = 0
    for start in range(0, len(split.images), chunk):
        images = split.images[start : start + chunk].reshape(-1, flat.shape[1]).astype(np.float64)
        # |image - mean|² without |image|², the same for all means. A class without a mean is never the nearest.
        closeness = np.nan_to_num(images @ flat.T - half, nan=-np.inf)
        right += int(np.count_nonzero(closeness.argmax(axis=1) == split.labels[start : start + chunk]))
    return right / len(split.images)


def file_frame(splits: dict[str, Split], means: np.ndarray) -> pd.DataFrame:
    """One row a split: `split`, `images`, `height`, `width`, `pixel_type`, `label_type`, `agreement` with `means`."""
    return pd.DataFrame(
        {
            "split": name,
            "images": split.images.shape[0],
            "height": split.images.shape[1],
            "width": split.images.shape[2],
            "pixel_type": str(split.images.dtype),
            "label_type": str(split.labels.dtype),
            "agreement": agreement(split, means),
        }
        for name, split in splits.items()
    )


def _blank(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of zeros at the start and at the end of each row of (n, length); both are length for a row of zeros."""
    ink = sums > 0
    blank, length = ~ink.any(axis=1), sums.shape[1]
    return np.where(blank, length, ink.argmax(axis=1)), np.where(blank, length, ink[:, ::-1].argmax(axis=1))

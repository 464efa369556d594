"""Features of images that need no model, in pandas frames.

Coordinates are in pixels from the centre of the top left pixel, x to the right, y down. A pixel has ink if it is not 0.
"""

import hashlib

import numpy as np
import pandas as pd

from digits.arrays import Rows, chunks
from digits.data.raw import Split


def image_digests(images: Rows) -> np.ndarray:
    """BLAKE2b of the pixels of each image, two uint64 a row (n, 2). Equal images have equal digests."""
    digests = np.empty((len(images), 2), np.uint64)
    for start, part in chunks(images):
        rows = np.ascontiguousarray(part).reshape(len(part), -1)
        joined = b"".join(hashlib.blake2b(row.data, digest_size=16).digest() for row in rows)
        digests[start : start + len(part)] = np.frombuffer(joined, np.uint64).reshape(-1, 2)
    return digests


def first_alike(digests: np.ndarray) -> np.ndarray:
    """For each row of `image_digests`, the number of the first row that is equal to it: int64 (n,)."""
    order = np.lexsort(digests.T)
    ordered = digests[order]
    is_new = np.ones(len(order), bool)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    # The sort is stable, so the first of equal rows is the one with the lowest number.
    first = np.empty(len(order), np.int64)
    first[order] = order[is_new][np.cumsum(is_new) - 1]
    return first


def image_frame(split: Split, digests: np.ndarray) -> pd.DataFrame:
    """Describe each image of a split.

    Args:
        split: uint8 images (n, height, width) and labels (n,).
        digests: of the images, from `image_digests`.

    Returns:
        n rows, indexed 0 … n-1, with the columns
        `row`: its number in the raw file; `label`;
        `min`, `max`, `mean`: of the pixels, 0 to 255; `area`: share of the pixels with ink, 0 to 1;
        `x`, `y`: centre of mass of the ink, NaN for a blank image;
        `width`, `height`: of the smallest box around the ink, 0 for a blank image;
        `first`: the row of the first image with the same pixels, often its own.
        Whole numbers are as narrow as they can be, because there may be millions of rows.
    """
    count = len(split.images)
    columns: dict[str, np.ndarray] = {}
    for start, part in chunks(split.images):
        for column, values in pixel_features(part).items():
            columns.setdefault(column, np.empty(count, values.dtype))[start : start + len(part)] = values
    own = {"row": np.arange(count, dtype=np.uint32), "label": split.labels}
    return pd.DataFrame({**own, **columns, "first": first_alike(digests).astype(np.uint32)}, copy=False)


def pixel_features(images: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of `image_frame` that follow from the pixels alone, for some images."""
    n, height, width = images.shape
    # All places follow from the sums along one axis, which are 28 times smaller than the images.
    columns = images.sum(axis=1, dtype=np.int64)
    rows = images.sum(axis=2, dtype=np.int64)
    ink = columns.sum(axis=1)
    flat = images.reshape(n, -1)
    with np.errstate(invalid="ignore"):
        x = columns @ np.arange(width) / ink
        y = rows @ np.arange(height) / ink
    return {
        "min": flat.min(axis=1),
        "max": flat.max(axis=1),
        "mean": ink / (height * width),
        "area": np.count_nonzero(flat, axis=1) / (height * width),
        "x": x,
        "y": y,
        "width": _length(columns > 0),
        "height": _length(rows > 0),
    }


def twins(digests: np.ndarray, other: np.ndarray) -> pd.Series:
    """For each image, the row of the first other image with the same pixels, <NA> if none has them.

    Args:
        digests: of the images, from `image_digests`.
        other: of the others.
    """
    first = first_alike(np.concatenate([other, digests]))[len(other) :]
    return pd.Series(first, dtype="Int64", name="twin").mask(first >= len(other))


def class_means(split: Split, classes: int) -> np.ndarray:
    """The mean image of each class, float64 (classes, height, width); NaN for a class without images."""
    return means_of(*class_sums(split, classes))


def means_of(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The mean image of each class, from what `class_sums` gives, perhaps added up over parts."""
    with np.errstate(invalid="ignore"):
        return sums / counts[:, None, None]


def class_sums(split: Split, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The sum of the images of each class, int64 (classes, height, width), and their number, int64 (classes,)."""
    height, width = split.images.shape[1:]
    sums, counts = np.zeros((classes, height, width), np.int64), np.zeros(classes, np.int64)
    for start, part in chunks(split.images):
        labels = split.labels[start : start + len(part)]
        for label in np.intersect1d(labels, np.arange(classes)):
            members = part[labels == label]
            sums[label] += members.sum(axis=0, dtype=np.int64)
            counts[label] += len(members)
    return sums, counts


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
    for start, part in chunks(split.images, chunk):
        images = part.reshape(len(part), -1).astype(np.float64)
        # |image - mean|² without |image|², the same for all means. A class without a mean is never the nearest.
        closeness = np.nan_to_num(images @ flat.T - half, nan=-np.inf)
        right += int(np.count_nonzero(closeness.argmax(axis=1) == split.labels[start : start + chunk]))
    return right / len(split.images)


def file_frame(splits: dict[str, Split], agreements: dict[str, float]) -> pd.DataFrame:
    """One row a split: `split`, `images`, `height`, `width`, `pixel_type`, `label_type`, `agreement`."""
    return pd.DataFrame(
        {
            "split": name,
            "images": split.images.shape[0],
            "height": split.images.shape[1],
            "width": split.images.shape[2],
            "pixel_type": str(split.images.dtype),
            "label_type": str(split.labels.dtype),
            "agreement": agreements[name],
        }
        for name, split in splits.items()
    )


def _length(ink: np.ndarray) -> np.ndarray:
    """From the first to the last True of each row of bool (n, length): int32 (n,), 0 for a row without."""
    span = ink.shape[1] - ink.argmax(axis=1) - ink[:, ::-1].argmax(axis=1)
    return np.where(ink.any(axis=1), span, 0).astype(np.int32)

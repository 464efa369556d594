"""Which training images are typical of a class, and how far from them an image may be to count as one of it."""

from __future__ import annotations

import numpy as np

from digits.arrays import Rows
from digits.pictures.prototypes import Prototypes, softened

# Of a class. A hundred refuse less that is no digit, four hundred hardly more.
COUNT = 200
# The share of a class that may be refused for its distance.
REFUSED = 0.01
_ROUNDS, _SEED = 10, 0
_SCALE = 10**6
# More images of a class change nothing but memory and time.
_MOST = 5000


def typical(images: Rows, labels: np.ndarray, classes: int) -> np.ndarray:
    """Typical images of each class: the centres of k-means among its softened training images.

    Args:
        images: uint8 (n, side, side).
        labels: int (n,).
        classes: how many there are.

    Returns:
        uint8 (classes, k, features), k at most `COUNT`. A class of fewer images repeats some.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    centres = []
    # With more threads the order of sums, and so the last bits, would differ from run to run.
    with threadpool_limits(1):
        for label in range(classes):
            soft = softened(images[np.flatnonzero(labels == label)[:_MOST]])
            k = min(COUNT, len(np.unique(soft, axis=0)))
            means = KMeans(k, init="random", n_init=1, max_iter=_ROUNDS, random_state=_SEED)
            centres.append(means.fit(soft).cluster_centers_ if k else np.zeros((1, soft.shape[1])))
    most = max(len(rows) for rows in centres)
    filled = np.stack([rows[np.arange(most) % len(rows)] for rows in centres])
    # Each row has its own scale: lengths do not count.
    top = filled.max(axis=2, keepdims=True)
    return np.rint(255 * filled / np.where(top > 0, top, 1)).astype(np.uint8)


def limits(images: np.ndarray, seen: Rows, labels: np.ndarray, answers: np.ndarray, confidence: float) -> np.ndarray:
    """How far from the typical images each class may be, so that at most `REFUSED` of it is refused.

    Each is the distance of a right answer among images that the typical ones were not made of: the smallest beyond
    which at most the share `REFUSED` of the class lies, with the stated confidence. The bound is exact (binomial) for
    images drawn as these were, whatever their distribution.

    Source: S. S. Wilks, "Determination of sample sizes for setting tolerance limits", Annals of Mathematical Statistics
    12, 1941.

    Args:
        images: uint8 (classes, k, features), from `typical`.
        seen: uint8 (n, side, side), validation images.
        labels: int (n,), their true classes.
        answers: int (n,), the model's.
        confidence: of the bound, in (0, 1).

    Returns:
        float64 (classes,); infinite for a class of too few images (fewer than 299 for 95 %).
    """
    from scipy.stats import binom

    found = np.full(len(images), np.inf)
    prototypes = Prototypes(images, found)
    for label in range(len(images)):
        rows = np.flatnonzero((answers == label) & (labels == label))[:_MOST]
        farthest_first = np.sort(prototypes.distances(seen[rows], answers[rows]))[::-1]
        # So few beyond the limit would be improbable if a larger share of the class lay there.
        beyond = int((binom.cdf(np.arange(len(rows)), len(rows), REFUSED) <= 1 - confidence).sum())
        if beyond:
            found[label] = farthest_first[beyond - 1]
    # Another processor gives other last bits. Rounded up, the limit still admits the image that set it.
    return np.ceil(found * _SCALE) / _SCALE

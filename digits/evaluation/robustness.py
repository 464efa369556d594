"""How accuracy falls when test images are changed, laid on a canvas, or replaced by other people's handwriting.

A table of strengths for each change follows D. Hendrycks and T. Dietterich, "Benchmarking neural network robustness to
common corruptions and perturbations", ICLR 2019. The strengths are in params.yaml. They were chosen before any was
measured.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import ndimage

from digits.evaluation.changes import CHANGES, to_pixels
from digits.evaluation.intervals import wilson_interval
from digits.evaluation.rounding import rounded

if TYPE_CHECKING:
    from digits.params import EvaluateParams

# Pixels uint8 (n, side, side) in, probabilities float32 (n, classes) out: `digits.model.classifier.Classifier` is one.
Classify = Callable[[np.ndarray], np.ndarray]

# How many times a test image is enlarged. The sides of its canvas are twice as long again.
ENLARGEMENT = 2
# The largest distance of the enlarged image from the middle, in pixels for an image of 28×28 and in proportion for
# others: no rotation turns its ink out of the canvas.
OFF_MIDDLE = 13

# Rows of the table that are no change of a test image.
CLEAN = "none"
PICTURE = "picture"
LOAD_DIGITS = "load_digits"


def robustness(classify: Classify, images: np.ndarray, labels: np.ndarray, params: EvaluateParams) -> pd.DataFrame:
    """Accuracy for each change and strength of `params.robustness`.

    The table describes a model; nothing may be chosen by it. All strengths of a change use the same images, and the
    same random directions, places and noise.

    Args:
        classify: a model.
        images: uint8 (n, side, side), test images.
        labels: int (n,).
        params: section `evaluate`.

    Returns:
        One row per change and strength, in the order of `params`: `perturbation`, `strength`, `n`, `accuracy`, its
        Wilson interval `low` to `high`, and `drop`, the accuracy that the same images have unchanged minus `accuracy`.
        Row `none` is unchanged. Rows `picture` and `picture_*` are enlarged on a canvas (`on_canvas`), changed there
        and read by `read_pictures`. Rows `load_digits` and `load_digits_picture` are other people's handwriting
        (`other_digits`); their drop is measured from row `none`. Shares are rounded to 6 decimals.
    """
    settings = params.robustness
    rng = np.random.default_rng(settings.seed)
    chosen = np.sort(rng.choice(len(images), min(settings.images, len(images)), replace=False))
    images, labels = np.asarray(images[chosen]), labels[chosen]
    side = images.shape[1]
    rows = []

    def add(name: str, strength: float, right: np.ndarray, unchanged: np.ndarray) -> None:
        low, high = wilson_interval(int(right.sum()), len(right), params.confidence)
        shares = (right.mean(), low, high, unchanged.mean() - right.mean())
        rows.append((name, float(strength), len(right), *map(rounded, shares)))

    clean = classify(images).argmax(axis=1) == labels
    add(CLEAN, 0, clean, clean)
    for name, strengths in settings.changes:
        for strength in strengths:
            changed = CHANGES[name](images, strength, _generator(settings.seed, name))
            add(name, strength, classify(changed).argmax(axis=1) == labels, clean)

    # Drawn at random: the test file begins with its easier half.
    few = np.sort(rng.permutation(len(images))[: settings.pictures.images])
    if len(few):
        canvases = on_canvas(images[few], _generator(settings.seed, PICTURE))
        add(PICTURE, 0, read_pictures(classify, canvases, side) == labels[few], clean[few])
        for name, strengths in settings.pictures.changes:
            for strength in strengths:
                changed = CHANGES[name](canvases, strength, _generator(settings.seed, name))
                add(f"{PICTURE}_{name}", strength, read_pictures(classify, changed, side) == labels[few], clean[few])

    if settings.load_digits:
        # Imported here, because it loads Pillow.
        from digits.pictures.mnist import box_of

        others, other_labels = other_digits()
        add(LOAD_DIGITS, 0, classify(enlarged(others, box_of(side), side)).argmax(axis=1) == other_labels, clean)
        few = np.sort(rng.permutation(len(others))[: settings.pictures.images])
        if len(few):
            read = read_pictures(classify, enlarged(others[few], 80, 160), side)
            add(f"{LOAD_DIGITS}_{PICTURE}", 0, read == other_labels[few], clean)

    return pd.DataFrame(rows, columns=["perturbation", "strength", "n", "accuracy", "low", "high", "drop"])


def mean_accuracy(table: pd.DataFrame) -> dict[str, float]:
    """The mean accuracy of each perturbation over its strengths, rounded to 6 decimals, in the order of the table."""
    means = table.groupby("perturbation", sort=False)["accuracy"].mean()
    return {str(name): rounded(mean) for name, mean in means.items()}


def worst(table: pd.DataFrame) -> pd.DataFrame:
    """The row with the lowest accuracy of each perturbation, in the order of the table; `none` is not among them."""
    changed = table[table["perturbation"] != CLEAN]
    return changed.loc[changed.groupby("perturbation", sort=False)["accuracy"].idxmin()]


def _generator(seed: int, name: str) -> np.random.Generator:
    """A generator for each name, so that a change added to params.yaml leaves the rows of the others as they were."""
    return np.random.default_rng((seed, zlib.crc32(name.encode())))


def on_canvas(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Enlarge images and lay each on a black canvas, at a random place near the middle.

    Args:
        images: uint8 (n, height, width).
        rng: draws the places.

    Returns:
        uint8 (n, 2 * `ENLARGEMENT` * height, 2 * `ENLARGEMENT` * width).
    """
    height, width = (ENLARGEMENT * side for side in images.shape[1:])
    large = _resize(images, (height, width))
    canvases = np.zeros((len(images), 2 * height, 2 * width), dtype=np.uint8)
    reach = OFF_MIDDLE * min(images.shape[1:]) // 28
    places = rng.integers(-reach, reach + 1, (len(images), 2)) + np.array((height // 2, width // 2))
    for canvas, image, (top, left) in zip(canvases, large, places, strict=True):
        canvas[top : top + height, left : left + width] = image
    return canvases


def read_pictures(classify: Classify, pictures: np.ndarray, side: int) -> np.ndarray:
    """Find and classify the digit in each picture, by the same functions as `digits predict`.

    Args:
        classify: a model.
        pictures: uint8 (n, height, width).
        side: of the images that the model takes.

    Returns:
        int64 (n,): the class, or -1 where not exactly one digit was found.
    """
    # Imported here, because it loads Pillow: the table of changed test images does without.
    from digits.pictures.find import find_digits

    found = [find_digits(picture.astype(np.float32) / 255, side) for picture in pictures]
    answers = np.full(len(pictures), -1, dtype=np.int64)
    single = np.array([len(digits) == 1 for digits in found], dtype=bool)
    if single.any():
        pixels = np.stack([digits[0].pixels for digits in found if len(digits) == 1])
        answers[single] = classify(pixels).argmax(axis=1)
    return answers


def other_digits() -> tuple[np.ndarray, np.ndarray]:
    """Handwriting that is not MNIST's: scikit-learn's `load_digits`, which comes with the package.

    The test set of E. Alpaydin and C. Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning
    Repository 1998: by 13 people. Each digit was normalised to 32×32 black and white pixels, and the black ones counted
    in blocks of 4×4. Every digit fills the full height of its field.

    Returns:
        uint8 (1797, 8, 8), light on dark as in MNIST, and the labels, int64 (1797,).
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return to_pixels(bunch.images * (255 / 16)), bunch.target.astype(np.int64)


def enlarged(images: np.ndarray, side: int, canvas: int) -> np.ndarray:
    """Enlarge square images to `side` pixels in the middle of a black square of `canvas` pixels.

    Args:
        images: uint8 (n, small, small).
        side: of the enlarged image.
        canvas: side of the result, ≥ `side`.

    Returns:
        uint8 (n, canvas, canvas).
    """
    before = (canvas - side) // 2
    margin = (before, canvas - side - before)
    return np.pad(_resize(images, (side, side)), ((0, 0), margin, margin))


def _resize(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    factors = (1, *(new / old for new, old in zip(size, images.shape[1:], strict=True)))
    return to_pixels(ndimage.zoom(images.astype(np.float32), factors, order=1, mode="nearest", grid_mode=True))

"""How accuracy falls when test images are changed: shifted, turned, blurred, laid on a canvas, or not MNIST's at all.

A change takes uint8 (n, height, width), light on dark, a strength and a generator, and gives an array of the same shape
and dtype; strength 0 leaves every pixel as it is. The kinds of change and the reason for a table of strengths follow
D. Hendrycks and T. Dietterich, "Benchmarking neural network robustness to common corruptions and perturbations", ICLR
2019; the strengths are in params.yaml and were chosen before any was measured.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import ndimage

from digits.statistics import wilson_interval

if TYPE_CHECKING:
    from digits.params import EvaluateParams

# Pixels uint8 (n, 28, 28) in, probabilities float32 (n, classes) out: `digits.inference.Classifier` is one.
Classify = Callable[[np.ndarray], np.ndarray]

# How much larger a test image lies on a canvas, and the canvas again is than that. Off the middle by at most so many
# pixels that no rotation turns the ink out of the canvas.
ENLARGEMENT = 2
OFF_MIDDLE = 13

# Rows of the table that are no change of a test image.
CLEAN = "none"
PICTURE = "picture"
LOAD_DIGITS = "load_digits"

DIRECTIONS = np.array([(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)])


# --- Changes ------------------------------------------------------------------------------------------------------


def shift(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Move each image by `strength` whole pixels in one of eight directions; what leaves it is lost."""
    count, height, width = images.shape
    reach = int(strength)
    down, right = (reach * DIRECTIONS[rng.integers(0, len(DIRECTIONS), count)]).T
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach)))
    rows = np.arange(height) + reach - down[:, None]
    columns = np.arange(width) + reach - right[:, None]
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def rotation(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Turn each image about its middle by `strength` degrees, to the left or to the right."""
    angles = np.deg2rad(strength) * rng.choice((-1, 1), len(images))
    cosine, sine = np.cos(angles), np.sin(angles)
    return _transform(images, np.moveaxis(np.array([[cosine, -sine], [sine, cosine]]), 2, 0))


def scale(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Make each digit larger about the image's middle by `strength` percent, or smaller if that is negative."""
    return _transform(images, np.broadcast_to(np.eye(2) / (1 + strength / 100), (len(images), 2, 2)))


def stroke(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Make strokes wider by `strength` whole pixels, or narrower if that is negative.

    By morphology at twice the resolution, so that half a pixel can be added on either side of a stroke; compare D. C.
    Castro et al., "Morpho-MNIST: quantitative assessment and diagnostics for representation learning", JMLR 2019.
    """
    radius = abs(int(strength))
    offsets = np.arange(-radius, radius + 1)
    disc = (offsets[:, None] ** 2 + offsets**2 <= radius**2)[None]
    change = ndimage.grey_dilation if strength > 0 else ndimage.grey_erosion
    large = change(images.repeat(2, axis=1).repeat(2, axis=2), footprint=disc, mode="constant")
    count, height, width = images.shape
    return _pixels(large.reshape(count, height, 2, width, 2).mean(axis=(2, 4)))


def noise(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Add normal noise with a standard deviation of `strength` grey levels to each pixel."""
    return _pixels(images + strength * rng.standard_normal(images.shape, dtype=np.float32))


def blur(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Blur with a Gaussian that has a standard deviation of `strength` pixels."""
    return _pixels(ndimage.gaussian_filter(images.astype(np.float32), (0, strength, strength)))


def contrast(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Bring all pixels nearer to the image's mean, taking `strength` percent of the contrast."""
    mean = images.mean(axis=(1, 2), keepdims=True)
    return _pixels(images - strength / 100 * (images - mean))


def inversion(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Swap dark and light at strength 1; at 0.5 all is the same grey."""
    return _pixels(images + strength * (255.0 - 2.0 * images))


def occlusion(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Blacken a square with a side of `strength` whole pixels around a random inked pixel of each image."""
    count, height, width = images.shape
    ink = images.reshape(count, height * width).astype(np.int64).cumsum(axis=1)
    # The more ink in a pixel, the likelier it is the middle.
    middle = (ink <= (rng.random(count) * ink[:, -1])[:, None]).sum(axis=1).clip(max=height * width - 1)
    top, left = (at[:, None] - int(strength) // 2 for at in np.unravel_index(middle, (height, width)))
    rows = (np.arange(height) >= top) & (np.arange(height) < top + int(strength))
    columns = (np.arange(width) >= left) & (np.arange(width) < left + int(strength))
    return np.where(rows[:, :, None] & columns[:, None, :], np.uint8(0), images)


CHANGES: dict[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    change.__name__: change for change in (shift, rotation, scale, stroke, noise, blur, contrast, inversion, occlusion)
}


def _transform(images: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Map each image about its middle, by cubic splines. `matrices` (n, 2, 2) lead from the result to the image."""
    middle = (np.array(images.shape[1:]) - 1) / 2
    changed = [
        ndimage.affine_transform(image.astype(np.float32), matrix, middle - matrix @ middle, mode="grid-constant")
        for image, matrix in zip(images, matrices, strict=True)
    ]
    return _pixels(np.array(changed).reshape(images.shape))


def _pixels(values: np.ndarray) -> np.ndarray:
    return values.round().clip(0, 255).astype(np.uint8)


# --- The table ----------------------------------------------------------------------------------------------------


def robustness(classify: Classify, images: np.ndarray, labels: np.ndarray, params: EvaluateParams) -> pd.DataFrame:
    """Accuracy for each change and strength of `params.robustness`. It describes; nothing may be chosen by it.

    All strengths of a change meet the same images, and the same random directions, places and noise.

    Args:
        classify: a model.
        images: uint8 (n, 28, 28), test images.
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
    rows = []

    def add(name: str, strength: float, right: np.ndarray, unchanged: np.ndarray) -> None:
        low, high = wilson_interval(int(right.sum()), len(right), params.confidence)
        shares = (right.mean(), low, high, unchanged.mean() - right.mean())
        rows.append((name, float(strength), len(right), *(round(float(share), 6) for share in shares)))

    clean = classify(images).argmax(axis=1) == labels
    add(CLEAN, 0, clean, clean)
    for name, strengths in settings.changes:
        for strength in strengths:
            changed = CHANGES[name](images, strength, _generator(settings.seed, name))
            add(name, strength, classify(changed).argmax(axis=1) == labels, clean)

    # In the order of the test file, which is not random, the first would be the easier half.
    few = np.sort(rng.permutation(len(images))[: settings.pictures.images])
    if len(few):
        canvases = on_canvas(images[few], _generator(settings.seed, PICTURE))
        add(PICTURE, 0, read_pictures(classify, canvases) == labels[few], clean[few])
        for name, strengths in settings.pictures.changes:
            for strength in strengths:
                changed = CHANGES[name](canvases, strength, _generator(settings.seed, name))
                add(f"{PICTURE}_{name}", strength, read_pictures(classify, changed) == labels[few], clean[few])

    if settings.load_digits:
        others, other_labels = other_digits()
        add(LOAD_DIGITS, 0, classify(enlarged(others, 20, 28)).argmax(axis=1) == other_labels, clean)
        few = np.sort(rng.permutation(len(others))[: settings.pictures.images])
        if len(few):
            read = read_pictures(classify, enlarged(others[few], 80, 160))
            add(f"{LOAD_DIGITS}_{PICTURE}", 0, read == other_labels[few], clean)

    return pd.DataFrame(rows, columns=["perturbation", "strength", "n", "accuracy", "low", "high", "drop"])


def mean_accuracy(table: pd.DataFrame) -> dict[str, float]:
    """The mean accuracy of each perturbation over its strengths, rounded to 6 decimals, in the order of the table."""
    means = table.groupby("perturbation", sort=False)["accuracy"].mean()
    return {str(name): round(float(mean), 6) for name, mean in means.items()}


def worst(table: pd.DataFrame) -> pd.DataFrame:
    """The row with the lowest accuracy of each perturbation, in the order of the table; `none` is not among them."""
    changed = table[table["perturbation"] != CLEAN]
    return changed.loc[changed.groupby("perturbation", sort=False)["accuracy"].idxmin()]


def _generator(seed: int, name: str) -> np.random.Generator:
    """By name, so that a change added to params.yaml leaves the rows of the others as they were."""
    return np.random.default_rng((seed, zlib.crc32(name.encode())))


# --- Whole pictures -----------------------------------------------------------------------------------------------


def on_canvas(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Enlarge images and lay each on a black canvas, somewhere near the middle.

    Args:
        images: uint8 (n, height, width).
        rng: of the place.

    Returns:
        uint8 (n, 2 * `ENLARGEMENT` * height, 2 * `ENLARGEMENT` * width).
    """
    height, width = (ENLARGEMENT * side for side in images.shape[1:])
    large = _resize(images, (height, width))
    canvases = np.zeros((len(images), 2 * height, 2 * width), dtype=np.uint8)
    places = rng.integers(-OFF_MIDDLE, OFF_MIDDLE + 1, (len(images), 2)) + np.array((height // 2, width // 2))
    for canvas, image, (top, left) in zip(canvases, large, places, strict=True):
        canvas[top : top + height, left : left + width] = image
    return canvases


def read_pictures(classify: Classify, pictures: np.ndarray) -> np.ndarray:
    """Find and classify the digit in each picture, by the same functions as `digits predict`.

    Args:
        classify: a model.
        pictures: uint8 (n, height, width).

    Returns:
        int64 (n,): the class, or -1 where not exactly one digit was found.
    """
    # It loads Pillow, which the table of changed test images does not need.
    from digits.picture import find_digits

    found = [find_digits(picture.astype(np.float32) / 255) for picture in pictures]
    answers = np.full(len(pictures), -1, dtype=np.int64)
    single = np.array([len(digits) == 1 for digits in found], dtype=bool)
    if single.any():
        pixels = np.stack([digits[0].pixels for digits in found if len(digits) == 1])
        answers[single] = classify(pixels).argmax(axis=1)
    return answers


def other_digits() -> tuple[np.ndarray, np.ndarray]:
    """Handwriting that is not MNIST's: scikit-learn's `load_digits`, which comes with the package.

    The test set of E. Alpaydin and C. Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning
    Repository 1998: by 13 people, each digit normalised to 32×32 black and white pixels, then counted in blocks of 4×4.
    Every one of them fills the full height of its field.

    Returns:
        uint8 (1797, 8, 8), light on dark as in MNIST, and the labels, int64 (1797,).
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return _pixels(bunch.images * (255 / 16)), bunch.target.astype(np.int64)


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
    return _pixels(ndimage.zoom(images.astype(np.float32), factors, order=1, mode="nearest", grid_mode=True))

"""Test images changed, laid on a canvas, or replaced by other people's handwriting: what robustness is measured on.

No model decides what is made here, so it is made once for all models. The strengths are in params.yaml. They were
chosen before any was measured.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from digits.arrays import Rows, write_npz
from digits.evaluation.changes import CHANGES, to_pixels
from digits.files import atomic_path, damaged, missing
from digits.program import end_with_parent, progress

if TYPE_CHECKING:
    from digits.params import RobustnessParams

# How many times a test image is enlarged. The sides of its canvas are twice as long again.
ENLARGEMENT = 2
# The largest distance of the enlarged image from the middle, in pixels for an image of 28×28 and in proportion for
# others: no rotation turns its ink out of the canvas.
OFF_MIDDLE = 13

# Kinds that are no change of a test image.
CLEAN = "none"
PICTURE = "picture"
LOAD_DIGITS = "load_digits"


@dataclass(frozen=True)
class Perturbed:
    """Images that were changed in one way.

    Attributes:
        perturbation: the name of the change.
        strength: of the change.
        labels: int64 (n,).
        found: bool (n,), whether exactly one digit was found in a picture; images are always found.
        pixels: uint8 (found.sum(), side, side).
        originals: int64 (n,), the places of the unchanged images among those of `CLEAN`; none for other handwriting.
    """

    perturbation: str
    strength: float
    labels: np.ndarray
    found: np.ndarray
    pixels: np.ndarray
    originals: np.ndarray


def perturb(images: Rows, labels: np.ndarray, settings: RobustnessParams) -> list[Perturbed]:
    """Every change and strength of `settings`, on the same images, with the same directions, places and noise.

    The work is shared by as many processes as there are processors; their number changes nothing.

    Args:
        images: uint8 (n, side, side), test images.
        labels: int (n,).
        settings: section `evaluate.robustness`.

    Returns:
        In the order of `settings`, first `CLEAN`, the images as they are. `PICTURE` and `picture_*` are enlarged on a
        canvas (`on_canvas`), changed there and found by the functions of `digits predict`. `LOAD_DIGITS` and
        `load_digits_picture` are other people's handwriting (`other_digits`).
    """
    rng = np.random.default_rng(settings.seed)
    chosen = np.sort(rng.choice(len(images), min(settings.images, len(images)), replace=False))
    images, labels = images[chosen], labels[chosen].astype(np.int64)
    # Drawn at random: the test file begins with its easier half.
    few = np.sort(rng.permutation(len(images))[: settings.pictures.images])
    tasks = [*_changed(images, labels, settings), *_as_pictures(images, labels, few, settings)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    with ProcessPoolExecutor(cores, initializer=end_with_parent) as pool:
        made = [pool.submit(_make, task) for task in tasks]
        if settings.load_digits:
            # scikit-learn is imported while the processes are at work.
            others = list(_other_handwriting(images.shape[1], rng, settings))
            tasks, made = tasks + others, made + [pool.submit(_make, task) for task in others]
        done = progress((one.result() for one in made), "changing images", len(made))
        return [_perturbed(task, *result) for task, result in zip(tasks, done, strict=True)]


@dataclass(frozen=True)
class _Task:
    """What one process does at a time: change some images, and find the digit in each if they are pictures."""

    perturbation: str
    strength: float
    images: np.ndarray
    labels: np.ndarray
    originals: np.ndarray
    # One of `CHANGES`, or None.
    change: str | None
    seed: int
    # The side of the digits to find, or None for images that are one.
    side: int | None


def _changed(images: np.ndarray, labels: np.ndarray, settings: RobustnessParams) -> Iterator[_Task]:
    rows = np.arange(len(images))
    yield _Task(CLEAN, 0, images, labels, rows, None, settings.seed, None)
    for name, strengths in settings.changes:
        for strength in strengths:
            yield _Task(name, strength, images, labels, rows, name, settings.seed, None)


def _as_pictures(
    images: np.ndarray, labels: np.ndarray, few: np.ndarray, settings: RobustnessParams
) -> Iterator[_Task]:
    if not len(few):
        return
    canvases = on_canvas(images[few], _generator(settings.seed, PICTURE))
    side = images.shape[1]
    yield _Task(PICTURE, 0, canvases, labels[few], few, None, settings.seed, side)
    for name, strengths in settings.pictures.changes:
        for strength in strengths:
            yield _Task(f"{PICTURE}_{name}", strength, canvases, labels[few], few, name, settings.seed, side)


def _other_handwriting(side: int, rng: np.random.Generator, settings: RobustnessParams) -> Iterator[_Task]:
    # Imported here, because it loads Pillow.
    from digits.pictures.mnist import box_of

    others, labels = other_digits()
    none = np.zeros(0, np.int64)
    yield _Task(LOAD_DIGITS, 0, enlarged(others, box_of(side), side), labels, none, None, settings.seed, None)
    few = np.sort(rng.permutation(len(others))[: settings.pictures.images])
    if len(few):
        canvases = enlarged(others[few], 80, 160)
        yield _Task(f"{LOAD_DIGITS}_{PICTURE}", 0, canvases, labels[few], none, None, settings.seed, side)


def _make(task: _Task) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of a task, and which of its images they are of."""
    images = task.images
    if task.change is not None:
        images = CHANGES[task.change](images, task.strength, _generator(task.seed, task.change))
    if task.side is None:
        return images, np.ones(len(images), bool)
    return find_single(images, task.side)


def _perturbed(task: _Task, pixels: np.ndarray, found: np.ndarray) -> Perturbed:
    return Perturbed(task.perturbation, float(task.strength), task.labels, found, pixels, task.originals)


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


def find_single(pictures: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the digit in each picture, by the same functions as `digits predict`.

    Args:
        pictures: uint8 (n, height, width).
        side: of the images that the model takes.

    Returns:
        uint8 (m, side, side), the digits, and bool (n,), in which m pictures exactly one was found.
    """
    # Imported here, because it loads Pillow: the table of changed test images does without.
    from digits.pictures.find import find_digits

    found = [find_digits(picture.astype(np.float32) / 255, side) for picture in pictures]
    pixels = [digits[0].pixels for digits in found if len(digits) == 1]
    return np.array(pixels, np.uint8).reshape(-1, side, side), np.array([len(digits) == 1 for digits in found], bool)


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


# --- As a file ------------------------------------------------------------------------------------------------------


def save_perturbed(perturbed: list[Perturbed], path: Path) -> None:
    """Write them to an `.npz` file, atomically, the same ones as the same bytes."""
    arrays: dict[str, Any] = {}
    for number, one in enumerate(perturbed):
        names = ("perturbation", "strength", "labels", "found", "pixels", "originals")
        arrays |= {f"{number}/{name}": np.asarray(getattr(one, name)) for name in names}
    with atomic_path(path) as part:
        write_npz(part, arrays)


def load_perturbed(path: Path) -> list[Perturbed]:
    """Read what `save_perturbed` wrote.

    Raises:
        DigitsError: the file is missing or torn.
    """
    found: dict[str, dict[str, Any]] = {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for key in arrays:
                number, _, name = key.partition("/")
                value = arrays[key]
                found.setdefault(number, {})[name] = value.item() if value.ndim == 0 else value
        return [Perturbed(**fields) for fields in found.values()]
    except FileNotFoundError:
        raise missing(path) from None
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise damaged(path, error) from None

"""MNIST's convention: one digit of any size becomes an image like those of the training data.

The convention is that of Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits": the digits were
"size normalized to fit in a 20x20 pixel box while preserving their aspect ratio", with "grey levels as a result of the
anti-aliasing technique", and "centered in a 28x28 image by computing the center of mass of the pixels, and translating
the image so as to position this point at the center of the 28x28 field". Ink is light (255) on dark (0). Measured on
the training images: the longer side of the ink is 20 pixels in 99.97 % of them, and the centre of mass lies within half
a pixel of index 14 in both axes, so the translation is by whole pixels.

A model of images of another side gets the same convention in proportion: a box of 20/28 of the side, centred at half
of it.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image
from scipy import ndimage

SIDE = 28
BOX = 20
# The usual widths of MNIST's strokes in pixels of the 20×20 box: 1st and 99th percentile of the training images.
STROKE_WIDTHS = (1.4, 5.4)
# The least longer side, in pixels, of a digit whose strokes are measured or changed. A smaller digit is enlarged first.
STROKE_SIDE = 160


def box_of(side: int) -> int:
    """The longer side of a digit in an image of `side` pixels."""
    return max(1, round(BOX * side / SIDE))


def to_mnist(ink: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Bring one digit into MNIST's convention.

    Strokes that are much thinner or thicker than MNIST's are brought to the nearest usual width first. A line one pixel
    wide and 200 pixels high would otherwise fade to nothing in the 20×20 box.

    Args:
        ink: float (height, width), 0 paper to 1 full ink, any size, some ink in it.
        side: of the image.

    Returns:
        uint8 (side, side). A digit that follows the convention already is returned almost unchanged.
    """
    box = box_of(side)
    # The digit's own darkest ink becomes full ink. That of the whole picture may belong to another digit.
    ink = usual_stroke_width(_trim(ink / ink.max(), box), box)
    height, width = ink.shape
    factor = box / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    resample = Image.Resampling.BOX if factor < 1 else Image.Resampling.BICUBIC
    small = np.clip(np.asarray(Image.fromarray(ink.astype(np.float32)).resize(size, resample)), 0, None)
    small = small / small.max()
    return (_centre(small, side) * 255).round().astype(np.uint8)


def usual_stroke_width(ink: np.ndarray, box: int = BOX) -> np.ndarray:
    """Bring strokes outside MNIST's range of widths to the nearest width in it. Others are returned unchanged.

    Args:
        ink: float (height, width), cut to its bounding box.
        box: that the digit will be scaled into, in pixels.
    """
    thinnest, thickest = STROKE_WIDTHS
    width = stroke_width(ink)
    target = min(max(width, thinnest), thickest)
    if width == target:
        return ink
    # The digit is enlarged but never reduced, because reduction breaks a thin line into pieces.
    factor = max(1.0, STROKE_SIDE / max(ink.shape))
    height, breadth = (max(1, round(side * factor)) for side in ink.shape)
    grow = (target - width) / 2 * max(height, breadth) / BOX
    large = np.asarray(Image.fromarray(ink.astype(np.float32)).resize((breadth, height), Image.Resampling.BILINEAR))
    mask = np.pad(large > 0.5, math.ceil(max(grow, 0)) + 1)
    if not mask.any():
        return ink
    outside = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    changed = np.clip(0.5 + grow - outside, 0, 1)
    return _trim(changed, box) if changed.any() else ink


def stroke_width(ink: np.ndarray) -> float:
    """Mean width of the strokes in pixels of the 20×20 box.

    The mean distance of a stroke's pixels to its rim is a quarter of its width.

    Args:
        ink: float (height, width), cut to its bounding box.
    """
    factor = max(1, math.ceil(STROKE_SIDE / max(ink.shape)))
    mask = np.pad(ndimage.zoom(ink, factor, order=1) > 0.5, 1)
    if not mask.any():
        return 0.0
    depth = ndimage.distance_transform_edt(mask)[mask].mean() - 0.5
    return float(4 * depth * BOX / max(mask.shape))


def _trim(ink: np.ndarray, box: int) -> np.ndarray:
    """Cut to the bounding box of the visible ink, and cut a soft rim where it reaches half of the ink behind it."""
    rows, columns = (np.flatnonzero((ink > 0.04).any(axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    reach = round(max(ink.shape) / (2 * box))
    top, bottom = _rims(ink.max(axis=1), reach)
    left, right = _rims(ink.max(axis=0), reach)
    return ink[top : ink.shape[0] - bottom, left : ink.shape[1] - right]


def _rims(profile: np.ndarray, reach: int) -> tuple[int, int]:
    """The lengths of the soft rims at the start and the end of a profile, as smooth enlarging adds them.

    A rim has less than half of the ink that follows within `reach`, which is half a pixel of the box. A faint
    outermost row of an MNIST image is a whole such pixel, and therefore no rim.
    """

    def rim(values: np.ndarray) -> int:
        ahead = np.lib.stride_tricks.sliding_window_view(np.pad(values, (0, reach)), reach + 1).max(axis=1)
        return int(np.argmax(values >= 0.5 * ahead))

    return rim(profile), rim(profile[::-1])


def _centre(small: np.ndarray, side: int) -> np.ndarray:
    """Place a digit in the field by whole pixels, its centre of mass as near to the middle as the field allows."""
    field = np.zeros((side, side), dtype=small.dtype)
    starts = (
        min(max(round(side / 2 - mass), 0), side - length)
        for mass, length in zip(ndimage.center_of_mass(small), small.shape, strict=True)
    )
    top, left = starts
    field[top : top + small.shape[0], left : left + small.shape[1]] = small
    return field

"""The printed lines of ruled and squared paper: found in order to be taken out of the ink."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

# The pixels that touch the middle one, corners included, for `scipy.ndimage.label`.
EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)
# The shorter side, in pixels, of a picture that may show crooked lines. In a smaller one, they are like thin strokes.
SMALLEST_RULED = 64


def ruled_lines(mask: np.ndarray) -> np.ndarray:
    """The pixels of printed lines, without those where a stroke crosses a line.

    A line is thin. It runs from edge to edge, or is one of at least three that span half the picture. It may climb or
    fall by its own thickness in a twentieth of the width.

    Args:
        mask: bool (height, width), True where there is ink.

    Returns:
        bool (height, width).
    """
    return _horizontal_lines(mask) | _horizontal_lines(mask.T).T


def _horizontal_lines(mask: np.ndarray) -> np.ndarray:
    lines = np.zeros_like(mask)
    width = mask.shape[1]
    piece = max(15, width // 20)
    runs = _open_along(mask, piece, axis=1)
    # Widening joins the pieces of a line that is broken where its ink is faint.
    joined = ndimage.maximum_filter1d(runs.view(np.uint8), piece, axis=1).view(bool)
    labels, _ = ndimage.label(joined, EIGHT_NEIGHBOURS)
    labels[~runs] = 0
    found = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        left, right = box[1].start, box[1].stop
        # The median, because a stroke that runs along the line would raise the mean.
        thickness = float(np.median((labels[box] == label).sum(axis=0)))
        if right - left >= width / 2 and thickness <= width / 40:
            margin = max(2, width // 50)
            found.append((label, thickness, left <= margin and right >= width - margin))
    for label, thickness, whole in found:
        if whole or len(found) >= 3:
            reach = 2 * math.ceil(thickness) + 3
            # Two pixels above and below belong to the line: they are its blurred rim.
            line = ndimage.maximum_filter1d((labels == label).view(np.uint8), 5, axis=0).view(bool)
            lines |= line & ~_open_along(mask, reach, axis=0)
    return lines


def _open_along(mask: np.ndarray, length: int, axis: int) -> np.ndarray:
    """The parts of a mask that lie in unbroken runs of at least `length` pixels."""
    eroded = ndimage.minimum_filter1d(mask.view(np.uint8), length, axis=axis)
    # A window of even length has no middle. It is put right of the centre above, and left of it here to make up for it.
    origin = 0 if length % 2 else -1
    return ndimage.maximum_filter1d(eroded, length, axis=axis, origin=origin).view(bool) & mask


def without_faint_lines(ink: np.ndarray) -> np.ndarray:
    """Take away lines that are too crooked for `ruled_lines`, by their ink, which is fainter than that of strokes.

    A line is connected over half the picture, thin, and holds little ink. The amount of ink in the lines is subtracted
    everywhere. A small picture is returned unchanged.

    Args:
        ink: float (height, width), 0 paper to 1 full ink.
    """
    if min(ink.shape) < SMALLEST_RULED:
        return ink
    labels, _ = ndimage.label(ink > 0.15, EIGHT_NEIGHBOURS)
    lines = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        # Noise has thousands of them: no generator here.
        height, width = box[0].stop - box[0].start, box[1].stop - box[1].start
        if height < ink.shape[0] / 2 and width < ink.shape[1] / 2:
            continue
        own = ink[box][labels[box] == label]
        if own.size < 0.25 * height * width or min(height, width) < 0.1 * max(height, width):
            lines.append(own)
    if not lines:
        return ink
    values = np.concatenate(lines)
    middle = np.median(values)
    if middle > 0.6:
        return ink
    # A stroke that crosses a line is connected to it, so the highest values are the stroke's.
    top = min(0.65, float(np.quantile(values[values < min(2 * middle, 0.7)], 0.98)))
    return np.clip((ink - top) / (1 - top), 0, 1)

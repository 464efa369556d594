"""Digits that touch each other: wide ink is cut at the one place where they touch."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

# Strokes that are narrower than this multiple of their height are one digit, those that are wider than the second none.
WIDTHS = (1.2, 3.0)
# The least height in pixels of what is cut. Smaller digits touch by their blur.
LOWEST = 16
# Each digit has at least this share of the height of both together. The bar of a 5 has less.
HIGH = 0.65
# The longest cut through ink, as a share of the height. A stain takes more.
LONGEST = 0.5
# What a step to the side costs a cut, in pixels of full ink. It keeps a cut straight where there is no ink.
_ASIDE = 0.05


def separate(ink: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give digits that touch each other strokes of their own.

    Two digits are cut apart at the one place where they touch. Those that touch twice stay together.

    Args:
        ink: float (height, width), 0 paper to 1 full ink.
        labels: int (height, width), the numbers of the connected strokes from 1 on, 0 elsewhere.

    Returns:
        The same numbers, with further ones for what was cut off; and which strokes are pieces of what was cut, bool,
        number 1 first.
    """
    separated, boxes = labels.copy(), ndimage.find_objects(labels)
    pieces = [False] * len(boxes)
    for number, box in enumerate(boxes, start=1):
        if not _may_be_several(box):
            continue
        _, *further = _digits(ink[box], labels[box] == number)
        for own in further:
            pieces.append(True)
            separated[box][own] = len(pieces)
        pieces[number - 1] = bool(further)
    return separated, np.array(pieces, dtype=bool)


def _digits(ink: np.ndarray, own: np.ndarray) -> list[np.ndarray]:
    """The pixels of each digit among those of connected strokes: bool (height, width), from left to right."""
    (box,) = ndimage.find_objects(own.view(np.uint8))
    if not _may_be_several(box):
        return [own]
    height, width = own[box].shape
    cut = _cut(np.where(own, ink, 0)[box], own[box])
    right = np.zeros_like(own)
    right[box] = np.arange(width) >= cut[:, None]
    parts = own & ~right, own & right
    if min(_height(part) for part in parts) < HIGH * height or not _at_one_place(own[box], cut):
        return [own]
    return [digit for part in parts for digit in _digits(ink, part)]


def _may_be_several(box: tuple[slice, slice]) -> bool:
    height, width = (side.stop - side.start for side in box)
    narrowest, widest = WIDTHS
    return bool(height >= LOWEST and narrowest * height <= width <= widest * height)


def _cut(ink: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The column, in each row, of the way from top to bottom that crosses the fewest strokes and the least ink.

    Args:
        ink: float (height, width).
        own: bool (height, width), where the strokes are.

    Returns:
        int (height,).
    """
    height, width = ink.shape
    # A digit is at least a quarter as wide as it is high, unless it is a 1, which seldom touches in its whole height.
    start = height // 4
    ink, own = ink[:, start : width - start].astype(np.float64), own[:, start : width - start]
    # As dear as ink from top to bottom: no way around a stroke crosses two others.
    entering = height * own.astype(np.float64)
    costs, steps = ink[0] + entering[0], np.zeros(ink.shape, dtype=int)
    for row in range(1, height):
        before = np.pad(costs, 1, constant_values=np.inf)
        within = np.pad(own[row - 1], 1)
        aside = np.array([0, _ASIDE, _ASIDE])[:, None]
        ways = _shifted(before) + aside + np.where(_shifted(within), 0, entering[row])
        steps[row] = np.array([0, -1, 1])[ways.argmin(axis=0)]
        costs = ways.min(axis=0) + ink[row]
    columns = [int(costs.argmin())]
    for row in range(height - 1, 0, -1):
        columns.append(columns[-1] + int(steps[row, columns[-1]]))
    return np.array(columns[::-1]) + start


def _shifted(padded: np.ndarray) -> np.ndarray:
    """The values above, above left and above right of each: (3, n) of (n + 2,)."""
    return np.stack([padded[1:-1], padded[:-2], padded[2:]])


def _at_one_place(own: np.ndarray, cut: np.ndarray) -> bool:
    """Whether a cut crosses the strokes once, and not for long."""
    crossed = own[np.arange(len(cut)), cut]
    once = np.count_nonzero(np.diff(crossed, prepend=False) & crossed) <= 1
    return bool(once and crossed.sum() <= LONGEST * len(cut))


def _height(own: np.ndarray) -> int:
    rows = np.flatnonzero(own.any(axis=1))
    return int(rows[-1] - rows[0] + 1) if len(rows) else 0

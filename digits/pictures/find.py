"""The way from a picture to its digits: sheet, ink, strokes, MNIST's convention.

`digits.pictures.file.load_picture` reads the file before it. Everything here is pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digits.pictures.ink import NOISY, ink_map, noise_level
from digits.pictures.mnist import SIDE, to_mnist
from digits.pictures.sheet import find_sheet
from digits.pictures.strokes import MIN_HEIGHT, MIN_HEIGHT_IN_NOISE, cut_out, find_strokes


@dataclass(frozen=True)
class Digit:
    """One digit of a picture.

    Attributes:
        pixels: uint8 (side, side), light on dark, as in MNIST.
        box: left, top, right, bottom in pixels of `Picture.grey`; right and bottom are exclusive.
        touching: whether it was cut from another one that it touches.
    """

    pixels: np.ndarray
    box: tuple[int, int, int, int]
    touching: bool


def find_digits(grey: np.ndarray, side: int = SIDE) -> list[Digit]:
    """Find the digits of a picture in reading order: line by line, each from left to right.

    Digits that touch are cut apart (`digits.pictures.touching`); those that touch twice count as one. A picture that is
    empty, uniform or pure noise has none.

    Args:
        grey: float (height, width), 0 black to 1 white, ink darker or lighter than its paper.
        side: of the images that the model takes.
    """
    if min(grey.shape) < MIN_HEIGHT:
        return []
    page = find_sheet(grey)
    ink = ink_map(page.grey)
    min_height = MIN_HEIGHT_IN_NOISE if noise_level(page.grey) > NOISY else MIN_HEIGHT
    labels, digits, pieces = find_strokes(ink, min_height, close_crop=page.back is None)
    return [
        Digit(
            to_mnist(cut_out(ink, labels, strokes, box), side),
            _left_first(page.in_picture(box, grey.shape)),
            bool(pieces[strokes - 1].any()),
        )
        for strokes, box in digits
    ]


def _left_first(box: np.ndarray) -> tuple[int, int, int, int]:
    top, left, bottom, right = (int(value) for value in box)
    return left, top, right, bottom

"""Digits that touch are cut apart where they touch, and a digit alone stays whole."""

import numpy as np
from PIL import Image
from scipy import ndimage
from support.drawings import encoded, enlarged, side_by_side

from digits.pictures.file import load_picture
from digits.pictures.read import Reader, predict
from digits.pictures.ruled import EIGHT_NEIGHBOURS
from digits.pictures.touching import separate


def pieces(ink: np.ndarray) -> list[np.ndarray]:
    """The ink of each piece that `separate` makes of ink that is connected."""
    labels, cut = separate(ink, ndimage.label(ink > 0.25, EIGHT_NEIGHBOURS)[0])
    assert cut.all() == cut.any() == (len(cut) > 1)
    return [np.where(labels == number, ink, 0) for number in range(1, len(cut) + 1)]


def zero() -> np.ndarray:
    rows, columns = np.mgrid[-40:40, -30:30]
    distance = np.hypot(rows / 36, columns / 26)
    return ((distance < 1) & (distance > 0.7)).astype(float)


def test_two_that_touch_are_cut_where_they_touch():
    both = side_by_side(zero(), zero(), overlap=10)
    assert ndimage.label(both > 0.25, EIGHT_NEIGHBOURS)[1] == 1
    left, right = pieces(both)
    assert (left + right == both).all()
    assert abs(left.sum() - right.sum()) < 0.1 * both.sum()
    assert left[:, :55].sum() > 0.95 * left.sum()


def test_a_row_is_cut_into_all_its_digits():
    assert len(pieces(side_by_side(zero(), zero(), zero(), overlap=10))) == 3


def test_a_bar_is_no_digit_of_its_own():
    five = np.zeros((80, 120))
    five[:12, 20:] = five[:80, 20:32] = five[68:, :60] = 1
    assert len(pieces(five)) == 1


def test_strokes_that_are_too_wide_for_digits_stay():
    assert len(pieces(side_by_side(*[zero()] * 6, overlap=10))) == 1


def test_digits_of_other_hands(mnist_sample):
    # Of 391 digits, 2 are cut. Of 149 pairs that touch, 100 are: two that touch at a second place stay together.
    digits = [enlarged(image) for image in mnist_sample.x_test]
    assert sum(len(pieces(digit)) > 1 for digit in digits if _is_one(digit)) <= 4
    pairs = [side_by_side(*pair, overlap=8) for pair in zip(digits[::2], digits[1::2], strict=True)]
    touching = [pair for pair in pairs if _is_one(pair)]
    assert sum(len(pieces(pair)) == 2 for pair in touching) >= 0.55 * len(touching)


def _is_one(ink: np.ndarray) -> bool:
    return ndimage.label(ink > 0.25, EIGHT_NEIGHBOURS)[1] == 1


def test_what_was_cut_is_never_sure():
    page = 1 - np.pad(np.hstack([side_by_side(zero(), zero(), overlap=10), np.zeros((80, 30)), zero()]), 40)
    answers = predict(
        load_picture(encoded(Image.fromarray(np.uint8(255 * page)))),
        Reader(lambda pixels: np.eye(10)[:1].repeat(len(pixels), axis=0)),
    )
    assert [one.doubt for one in answers.readings] == ["cut from what it touches"] * 2 + [""]

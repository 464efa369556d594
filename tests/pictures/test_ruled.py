"""The printed lines of paper are taken out, and the strokes on them stay."""

import numpy as np
import pytest
from support.drawings import is_like, seven

from digits.pictures.find import find_digits
from digits.pictures.ruled import ruled_lines, without_faint_lines


def ruled_page(step: int = 30, squared: bool = False) -> np.ndarray:
    page = np.full((360, 480), 0.95, np.float32)
    page[step // 2 :: step] = 0.6
    if squared:
        page[:, step // 2 :: step] = 0.6
    return page


@pytest.mark.parametrize("squared", [False, True])
def test_ruled_paper_alone_has_no_digit(squared):
    assert find_digits(ruled_page(squared=squared)) == []


@pytest.mark.parametrize("squared", [False, True])
def test_a_digit_on_ruled_paper(squared, expected):
    page = ruled_page(squared=squared)
    ink = np.asarray(seven()) < 128
    page[50:310, 120:320][ink] = 0.1
    (digit,) = find_digits(page)
    assert is_like(digit.pixels, expected)


def test_lines_spare_the_strokes_that_cross_them():
    mask = np.zeros((100, 200), dtype=bool)
    mask[50:52] = True
    mask[20:80, 90:100] = True
    lines = ruled_lines(mask)
    assert lines[50:52, :85].all()
    assert not lines[:, 91:99].any()


def test_a_single_long_stroke_is_no_ruled_line():
    mask = np.zeros((100, 100), dtype=bool)
    mask[10:90, 50] = True
    assert not ruled_lines(mask).any()


def test_faint_crooked_lines_are_taken_away_and_strokes_stay():
    x = np.arange(300)
    ink = np.zeros((200, 300))
    for row in (50, 100, 150):
        ink[row + np.round(6 * np.sin(x / 20)).astype(int), x] = 0.3
    ink[70:130, 140:150] = 1
    cleaned = without_faint_lines(ink)
    assert (cleaned[70:130, 140:150] == 1).all()
    assert (cleaned > 0).sum() == 60 * 10


def test_dark_strokes_across_the_picture_are_no_faint_lines():
    ink = np.zeros((200, 300))
    ink[100:110, 20:280] = 0.9
    assert (without_faint_lines(ink) == ink).all()


def test_soft_strokes_across_a_small_picture_are_no_faint_lines():
    ink = np.zeros((28, 28))
    ink[4:24, 13:15] = 0.5
    ink[4:6, 6:22] = 1
    assert (without_faint_lines(ink) == ink).all()

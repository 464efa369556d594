"""A sheet of paper on a table is cut out of a photo."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from support.drawings import digits_in, encoded
from support.scenes import photo

from digits.pictures.file import load_picture
from digits.pictures.sheet import find_sheet


def grey_photo(kind: str, seed: int) -> np.ndarray:
    return load_picture(encoded(photo(None, kind, np.random.default_rng(seed)))).grey


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_sheet_is_cut_out_of_the_table(seed):
    grey = grey_photo("table", seed)
    page, (top, left) = find_sheet(grey)
    # The sheet is about 510 by 600 of the 600 by 800 pixels, and its place is tests/support/scenes.py's.
    assert 480 <= page.shape[0] <= 520
    assert 540 <= page.shape[1] <= 620
    assert 40 <= top <= 70
    assert 90 <= left <= 130
    # Only paper is left. Much of the photo is darker than its darkest shadow.
    assert (grey < page.min()).mean() > 0.2


@pytest.mark.parametrize("kind", ["plain", "squared", "chalk"])
def test_a_picture_without_a_table_is_returned_whole(kind):
    grey = grey_photo(kind, 0)
    page, offset = find_sheet(grey)
    assert page is grey
    assert offset == (0, 0)


@pytest.mark.parametrize("width", [60, 100, 150])
def test_a_thick_light_zero_is_no_sheet_of_paper(width):
    page = Image.new("L", (600, 600), 0)
    ImageDraw.Draw(page).ellipse((120, 60, 480, 540), outline=255, width=width)
    (digit,) = digits_in(encoded(page))
    assert digit.box == pytest.approx((120, 60, 481, 541), abs=4)

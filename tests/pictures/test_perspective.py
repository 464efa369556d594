"""A sheet that is seen from an angle is shown as from straight above."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image, ImageDraw
from scipy import ndimage
from support.scenes import at_an_angle

from digits.pictures.perspective import find_corners, homography, seen_at, straighten

# A sheet in a picture of 400×320.
SHEET = np.array([(80, 60), (320, 60), (320, 260), (80, 260)])
UNIT = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])


def drawn(corners: np.ndarray, size: tuple[int, int] = (400, 320)) -> np.ndarray:
    """The pixels of a quadrilateral, bool (height, width)."""
    page = Image.new("1", size)
    ImageDraw.Draw(page).polygon([tuple(corner) for corner in corners.tolist()], fill=1)
    return np.asarray(page)


@st.composite
def quadrilaterals(draw) -> np.ndarray:
    """The sheet with each corner moved by up to 40 pixels: from some angle, and turned by up to 20 degrees."""
    moved = draw(st.lists(st.integers(-40, 40), min_size=8, max_size=8))
    return SHEET + np.array(moved).reshape(4, 2)


@settings(max_examples=60, deadline=None)
@given(quadrilaterals())
def test_corners_are_found_clockwise_from_the_top_left_one(corners):
    assert np.abs(find_corners(drawn(corners)) - corners).max() < 2


@settings(max_examples=60, deadline=None)
@given(quadrilaterals(), st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_a_homography_takes_corners_to_corners_and_back(corners, place):
    there, back = homography(UNIT, corners), homography(corners, UNIT)
    assert np.allclose(seen_at(UNIT, there), corners)
    assert np.allclose(seen_at(seen_at(np.array([place]), there), back), place)


def test_a_corner_outside_of_the_picture_is_where_the_sides_meet():
    corners = SHEET.copy()
    corners[0] = (-20, -30)
    assert np.abs(find_corners(drawn(corners)) - corners).max() < 4


@pytest.mark.parametrize("cut", [100, 200])
def test_a_sheet_that_the_edge_of_the_picture_cuts_has_no_corners(cut):
    assert find_corners(drawn(SHEET)[:, cut:]) is None


def test_two_sides_that_hardly_meet_are_none():
    """A sheet of three sides: its lower one has a corner that is none."""
    assert find_corners(drawn(np.array([(60, 60), (340, 60), (340, 200), (200, 215), (60, 200)]))) is None


@settings(max_examples=60, deadline=None)
@given(
    npst.arrays(np.bool_, npst.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=12)).filter(np.any),
    st.integers(3, 12),
)
def test_no_area_is_an_error(area, zoom):
    corners = find_corners(np.kron(area, np.ones((zoom, zoom), bool)))
    assert corners is None or np.isfinite(corners).all()


def test_a_bent_side_is_none():
    page = Image.fromarray(drawn(SHEET))
    ImageDraw.Draw(page).ellipse((80, 30, 320, 90), fill=1)
    assert find_corners(np.asarray(page)) is None


@pytest.mark.parametrize("azimuth", [0.4, 2.0, 3.5, 5.1])
def test_a_sheet_seen_from_30_degrees_is_straight_again(azimuth):
    sheet = Image.new("L", (400, 320), 60)
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((80, 60, 320, 260), fill=230)
    # Two thirds of its width, and three fifths of its height.
    pen.line((120, 160, 280, 160), fill=90, width=4)
    pen.line((200, 100, 200, 220), fill=90, width=4)
    seen, _ = at_an_angle(sheet.convert("RGB"), 30, azimuth)
    grey = np.asarray(seen.convert("L"), dtype=np.float32) / 255
    page, back = straighten(grey, find_corners(ndimage.binary_fill_holes(grey > 0.6)))
    ink = page < 0.6
    assert ink.mean(axis=1).max() == pytest.approx(2 / 3, abs=0.05)
    assert ink.mean(axis=0).max() == pytest.approx(3 / 5, abs=0.05)
    # The lines cross in the middle of the sheet, which the camera turned around.
    (middle,) = seen_at(np.array([(0.5, 0.5) @ np.diag(page.shape[::-1])]), back)
    assert np.abs(middle - (200, 160)).max() < 6

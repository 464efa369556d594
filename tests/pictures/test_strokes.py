"""Strokes of one digit are grouped, digits are put in order, and everything else is left out."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from support.drawings import digits_in, encoded, is_like, seven

from digits.pictures.strokes import cut_out, find_strokes, group_boxes, reading_order


def test_strokes_of_one_digit_are_grouped():
    bar_of_five, body, neighbour = [0, 10, 10, 60], [18, 8, 100, 55], [5, 80, 100, 130]
    groups = group_boxes(np.array([bar_of_five, neighbour, body]))
    assert sorted(sorted(group.tolist()) for group in groups) == [[0, 2], [1]]


def test_the_segments_of_a_display_are_grouped():
    above, below, neighbour = [0, 40, 70, 60], [78, 40, 150, 60], [0, 90, 150, 110]
    groups = group_boxes(np.array([above, neighbour, below]))
    assert sorted(sorted(group.tolist()) for group in groups) == [[0, 2], [1]]


def test_a_point_close_to_two_digits_joins_them_not():
    seven, point, five = [2, 9, 27, 28], [17, 29, 20, 35], [1, 35, 27, 55]
    groups = group_boxes(np.array([seven, point, five]))
    assert sorted(group.tolist() for group in groups) == [[0], [1], [2]]


def test_reading_order_goes_line_by_line():
    second_line, right, left = [60, 0, 100, 20], [5, 50, 45, 70], [10, 0, 50, 20]
    assert reading_order(np.array([second_line, right, left])) == [2, 1, 0]


def test_a_dot_or_a_stain_is_no_digit(expected):
    page = Image.new("L", (400, 260), 255)
    ImageDraw.Draw(page).ellipse((220, 100, 290, 165), fill=0)
    assert digits_in(encoded(page)) == []
    page.paste(seven(), (0, 0))
    (digit,) = digits_in(encoded(page))
    assert is_like(digit.pixels, expected)


def bar(ink: np.ndarray, top: int, left: int, bottom: int, right: int) -> np.ndarray:
    ink[top:bottom, left:right] = 1
    return np.array([top, left, bottom, right])


def test_a_digit_is_given_by_its_strokes_and_its_box():
    ink = np.zeros((200, 300))
    second = bar(ink, 60, 200, 140, 212)
    first_above, first_below = bar(ink, 50, 60, 62, 110), bar(ink, 70, 62, 150, 75)
    labels, digits, _ = find_strokes(ink)
    (first_strokes, first_box), (second_strokes, second_box) = digits
    assert first_box.tolist() == [*first_above[:2], first_below[2], first_above[3]]
    assert second_box.tolist() == second.tolist()
    assert (np.isin(labels, first_strokes) == (ink > 0) & (np.arange(300) < 150)).all()
    assert len(first_strokes) == 2
    assert len(second_strokes) == 1


@pytest.mark.parametrize(
    ("left", "right", "close_crop", "found"),
    [(60, 66, False, True), (0, 15, True, True), (0, 15, False, False), (1, 5, True, False)],
    ids=["in the middle", "close crop", "cut off", "within the rim"],
)
def test_the_edge_may_touch_a_close_crop_only(left, right, close_crop, found):
    ink = np.zeros((200, 200))
    bar(ink, 40, left, 160, right)
    assert bool(find_strokes(ink, close_crop=close_crop)[1]) == found


@pytest.mark.parametrize(("along", "found"), [(8, 2), (60, 1)], ids=["a digit at the edge", "a shadow"])
def test_beside_other_ink_the_edge_may_touch_the_end_of_a_stroke(along, found):
    ink = np.zeros((200, 300))
    bar(ink, 60, 100, 150, 110)
    bar(ink, 80, 230, 88, 300)
    bar(ink, 80, 290, 80 + along, 300)
    bar(ink, 88, 230, 160, 240)
    assert len(find_strokes(ink, close_crop=True)[1]) == found
    assert len(find_strokes(ink, close_crop=False)[1]) == 1


def test_beside_other_ink_a_net_of_lines_is_no_digit():
    ink = np.zeros((200, 300))
    inside = bar(ink, 65, 130, 95, 140)
    ink[20::80] = ink[:, 30::80] = 1
    ((_, box),) = find_strokes(ink)[1]
    assert box.tolist() == inside.tolist()


def test_a_printed_frame_is_left_out():
    ink = np.zeros((200, 200))
    bar(ink, 30, 30, 170, 170)
    ink[33:167, 33:167] = 0
    inside = bar(ink, 60, 95, 140, 105)
    ((_, box),) = find_strokes(ink)[1]
    assert box.tolist() == inside.tolist()


def test_a_digit_is_cut_out_without_its_neighbour():
    ink = np.zeros((120, 120))
    box = bar(ink, 30, 40, 90, 50)
    ink[30:90, 50] = 0.2
    bar(ink, 30, 53, 90, 63)
    labels, digits, _ = find_strokes(ink)
    ((strokes, _),) = [digit for digit in digits if digit[1].tolist() == box.tolist()]
    cut = cut_out(ink, labels, strokes, box)
    # The 10 columns of the digit and its soft rim, but not the neighbour.
    assert sorted(set(cut.ravel())) == [0, 0.2, 1]
    assert (cut == 1).sum() == 60 * 10

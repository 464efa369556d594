"""Strokes and digits: connected ink, grouped into digits and put in reading order.

A box is four ints: top, left, bottom, right in pixels, the last two exclusive. `boxes` is int (n, 4).
"""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage
from scipy.sparse.csgraph import connected_components

from digits.pictures.ruled import EIGHT_NEIGHBOURS
from digits.pictures.touching import separate

# The least height of a digit in pixels. A smaller one has too little shape to be read.
MIN_HEIGHT = 5
# The same in a noisy picture, where a smaller one may be a grain of noise.
MIN_HEIGHT_IN_NOISE = 16
# The least height of a digit as a share of the picture's shorter side: 2.5 mm on a sheet of A4 that fills the picture.
SMALLEST_SHARE = 0.012
# A crumb is smaller than this share of the picture's shorter side. Shadows and lines leave crumbs behind.
CRUMB = 0.035
# A hair is at most this many pixels wide.
HAIR = 3
# The edge of the picture may touch a digit that is at least this share of the picture's shorter side in size.
CLOSE_CROP = 0.3
# The width of a digit of several strokes is at most this multiple of its height.
WIDEST = 1.5
# Where other ink lies clear of the edge, the edge may touch a digit along this share of its longer side.
TOUCH = 0.4


def find_strokes(
    ink: np.ndarray, min_height: int = MIN_HEIGHT, close_crop: bool = True
) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """Find connected strokes and group those of one digit.

    Args:
        ink: float (height, width), from `digits.pictures.ink.ink_map`.
        min_height: of a digit, in pixels.
        close_crop: whether the edge of the picture may touch a large digit.

    Returns:
        An int array (height, width) that gives each pixel of ink the number of its stroke, 0 elsewhere; the digits in
        reading order, each as the numbers of its strokes and its box; and which strokes were cut from others that they
        touch, bool, number 1 first.
    """
    labels, count = ndimage.label(ink > 0.25, EIGHT_NEIGHBOURS)
    if not count:
        return labels, [], np.zeros(0, dtype=bool)
    labels, pieces = separate(ink, labels)
    boxes = np.array([[y.start, x.start, y.stop, x.stop] for y, x in ndimage.find_objects(labels)])
    inked = ndimage.maximum(ink, labels, np.arange(1, len(pieces) + 1)) >= 0.5
    keep = _not_cut_off(labels, boxes, inked, close_crop)
    min_height = max(min_height, round(SMALLEST_SHARE * min(ink.shape)))
    keep[[i for i in np.flatnonzero(keep) if _is_frame(labels, boxes, int(i), keep)]] = False
    sizes = _sizes(boxes)
    # Specks of dirt or noise go before the grouping, which could join them into the shape of a digit.
    keep &= sizes >= max(min_height // 2, 0.12 * sizes[keep].max(initial=0))
    kept = np.flatnonzero(keep)
    groups = [kept[group] for group in group_boxes(boxes[kept])]
    digits = _shaped_like_digits(labels, boxes, groups, min_height)
    order = reading_order(np.array([box for _, box in digits]).reshape(-1, 4))
    return labels, [digits[i] for i in order], pieces


def _not_cut_off(labels: np.ndarray, boxes: np.ndarray, inked: np.ndarray, close_crop: bool) -> np.ndarray:
    """Which strokes the edge of the picture does not cut off: bool (n,), True for some of `inked` only."""
    shape = labels.shape
    # Ink that the edge cuts off is the rim of the sheet, a finger or a shadow rather than a digit.
    inside = inked & (boxes[:, :2] > 0).all(1) & (boxes[:, 2:] < shape).all(1)
    keep = inside.copy()
    if close_crop:
        edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        touch = np.bincount(edge, minlength=len(boxes) + 1)[1:]
        sizes = _sizes(boxes)
        # A net of faint lines goes from one side to the other.
        across = (boxes[:, 1] == 0) & (boxes[:, 3] == shape[1])
        keep |= inked & (sizes >= CLOSE_CROP * min(shape)) & ((touch <= TOUCH * sizes) & ~across | ~inside.any())
    # A stroke wholly within a narrow rim of the picture is the end of a shadow. The rim is wider for tiny strokes.
    tiny = _sizes(boxes) < CRUMB * min(shape)
    rim = np.where(tiny, 0.08, 0.03)[:, None] * min(shape)
    return keep & ((boxes[:, 2:] > rim) & (boxes[:, :2] < np.array(shape) - rim)).all(1)


def _shaped_like_digits(
    labels: np.ndarray, boxes: np.ndarray, groups: list[np.ndarray], min_height: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The groups of strokes with the shape and the height of a digit, as `find_strokes` returns them."""
    areas = np.bincount(labels.ravel())[1:]
    around = [_box_around(boxes[group]) for group in groups]
    shaped = [
        _has_shape(box, areas[group].sum(), min_height) and not _is_blob(labels, group, box)
        for group, box in zip(groups, around, strict=True)
    ]
    tallest = max((box[2] - box[0] for box, good in zip(around, shaped, strict=True) if good), default=0)
    chosen = [i for i, box in enumerate(around) if shaped[i] and box[2] - box[0] >= 0.35 * tallest]
    extents = np.array([around[i][2:] - around[i][:2] for i in chosen]).reshape(-1, 2)
    if (extents.min(1) <= HAIR).all() and (extents.max(1) < CRUMB * min(labels.shape)).all():
        # A page with tiny hairs only is an empty squared sheet: the hairs are left over from its lines.
        return []
    return [(groups[i] + 1, around[i]) for i in chosen]


def group_boxes(boxes: np.ndarray) -> list[np.ndarray]:
    """Group the bounding boxes of strokes that belong to one digit.

    Two strokes belong together in three cases. One lies mostly above, below or within the other and the gap is small
    (the bar of a 5). Or they almost touch, and one has at most 0.6 of the other's height (a 4 whose pen was lifted). Or
    both are upright bars, one closely above the other (the segments of a display).

    Returns:
        Indices into `boxes`, one array a digit.
    """
    if not len(boxes):
        return []
    top, left, bottom, right = boxes.T
    height, width = bottom - top, right - left
    larger = np.maximum(height[:, None], height)
    smaller = np.minimum(height[:, None], height)
    side_by_side = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    one_over_other = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    aligned = side_by_side >= 0.5 * np.minimum(width[:, None], width)
    piece = smaller <= 0.6 * larger
    stacked = aligned & (-one_over_other <= 0.25 * larger) & (piece | (one_over_other > 0.3 * smaller))
    close = piece & (-side_by_side <= 0.08 * larger) & (-one_over_other <= 0.08 * larger)
    upright = width <= 0.4 * height
    above = stacked | (upright[:, None] & upright & aligned & (-one_over_other <= 0.15 * smaller))
    return [
        part
        for group in _connected(above | close)
        # A dot or a dash that is close to both its neighbours has joined two digits.
        for part in (
            [group] if _narrow(boxes[group]) else (group[own] for own in _connected(above[np.ix_(group, group)]))
        )
    ]


def _connected(related: np.ndarray) -> list[np.ndarray]:
    """The connected parts of a relation, bool (n, n), each as indices."""
    _, part = connected_components(related, directed=False)
    return [np.flatnonzero(part == i) for i in range(part.max() + 1)]


def _narrow(boxes: np.ndarray) -> bool:
    """Whether strokes together are narrow enough to be one digit."""
    top, left, bottom, right = _box_around(boxes)
    return bool(right - left <= WIDEST * (bottom - top))


def reading_order(boxes: np.ndarray) -> list[int]:
    """Sort boxes line by line, each line from left to right.

    Two boxes are on one line if they overlap by two fifths of the smaller height. A chain of such boxes is one line
    as well, because handwriting climbs and falls.

    Returns:
        Indices into `boxes`.
    """
    top, left, bottom, _ = boxes.T
    overlap = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    lower = np.minimum((bottom - top)[:, None], bottom - top)
    count, line = connected_components(overlap >= 0.4 * lower, directed=False) if len(boxes) else (0, np.zeros(0, int))
    middles = np.array([(top + bottom)[line == i].mean() for i in range(count)])
    return [int(i) for i in np.lexsort((left, middles[line]))]


def cut_out(ink: np.ndarray, labels: np.ndarray, strokes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Cut out the ink of one digit with its soft rim, without the ink of its neighbours.

    Args:
        ink: float (height, width).
        labels: int (height, width), the numbers of the strokes, from `find_strokes`.
        strokes: the numbers of the digit's own strokes.
        box: the digit's box.

    Returns:
        float (height, width), somewhat larger than the box.
    """
    reach = 1 + math.ceil(0.08 * max(box[2:] - box[:2]))
    window = tuple(slice(max(0, low - reach), high + reach) for low, high in zip(box[:2], box[2:], strict=True))
    own = np.isin(labels[window], strokes)
    near = ndimage.maximum_filter(own.view(np.uint8), 2 * reach + 1).view(bool)
    return np.where(near & (own | (labels[window] == 0)), ink[window], 0)


def _sizes(boxes: np.ndarray) -> np.ndarray:
    """The longer side of each box."""
    return (boxes[:, 2:] - boxes[:, :2]).max(1)


def _box_around(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])


def _has_shape(box: np.ndarray, area: int, min_height: int) -> bool:
    """Whether the strokes in a box are neither a speck, nor a dash, nor a solid rectangle."""
    height, width = box[2:] - box[:2]
    solid = area > 0.85 * height * width and width > 0.6 * height
    return bool(height >= min_height and width <= 3 * height and not solid)


def _is_blob(labels: np.ndarray, group: np.ndarray, box: np.ndarray) -> bool:
    """Whether a single stroke is a dot or a stain.

    The measure is the depth of its ink: the greatest distance to the rim, as a share of the box's shorter side. A disc
    has 0.5. The deepest of 15,000 training images has 0.40.
    """
    shape = box[2:] - box[:2]
    if len(group) > 1 or min(shape) < MIN_HEIGHT_IN_NOISE or min(shape) < 0.6 * max(shape):
        return False
    mask = np.pad(labels[box[0] : box[2], box[1] : box[3]] == group[0] + 1, 1)
    return bool(ndimage.distance_transform_edt(mask).max() >= 0.45 * min(shape))


def _is_frame(labels: np.ndarray, boxes: np.ndarray, number: int, keep: np.ndarray) -> bool:
    """Whether a stroke is a printed frame: it runs along all four sides of its box, and another stroke lies within."""
    top, left, bottom, right = boxes[number]
    if min(bottom - top, right - left) < MIN_HEIGHT_IN_NOISE:
        return False
    inside = (boxes[:, :2] > [top, left]).all(1) & (boxes[:, 2:] < [bottom, right]).all(1) & keep
    if not (inside & (boxes[:, 2] - boxes[:, 0] > 0.2 * (bottom - top))).any():
        return False
    mask = labels[top:bottom, left:right] == number + 1
    margin = max(2, round(0.06 * min(mask.shape)))
    sides = (mask[:margin].any(0), mask[-margin:].any(0), mask[:, :margin].any(1), mask[:, -margin:].any(1))
    return all(side.mean() > 0.85 for side in sides) and mask[margin:-margin, margin:-margin].mean() < 0.1

"""The view of a sheet of paper from an angle: its corners, and the picture straightened by them.

Places are (x, y) in pixels, from the top left corner of the picture. A homography is float64 (3, 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage

if TYPE_CHECKING:
    from scipy.spatial import ConvexHull

# The part of a side that is looked at. Near the corners sheets are round, bent or torn.
MIDDLE = (0.1, 0.9)
# The least share of that part that must be seen. The edge of the picture or a hand may hide the rest.
SEEN = 0.6
# How far from its line a side's pixels are looked for, as a share of its length, each time that the lines are fitted. A
# side is straight if 95 % of these pixels lie within a third of that.
NEAR = (0.15, 0.06, 0.03)
# The fewest places at which a side must be seen: of fewer pixels no direction can be told.
SHORTEST = 10
# The sine of the sharpest corner: 17 degrees.
SHARPEST = 0.3


def find_corners(area: np.ndarray) -> np.ndarray | None:
    """The corners of a sheet, each where the lines through two of its sides meet.

    Args:
        area: bool (height, width), the pixels of the sheet, more than a line of them.

    Returns:
        float64 (4, 2), clockwise from the top left one; they may lie outside of the picture. None if a side is not
        straight, or is not seen, or two of them hardly meet.
    """
    rim = np.argwhere(area & ~ndimage.binary_erosion(area, border_value=1))[:, ::-1].astype(np.float64)
    corners = largest_quadrilateral(hull_of(area))
    # Where the edge of the picture cuts off a corner, the first lines are only near to the sides.
    for near in NEAR:
        sides = [_line(rim, corners[number], corners[(number + 1) % 4], near) for number in range(4)]
        lines = [side for side in sides if side is not None]
        if len(lines) < 4:
            return None
        meet = np.array([np.cross(lines[number - 1], lines[number]) for number in range(4)])
        # The sine of the angle between two sides.
        if np.abs(meet[:, 2]).min() < SHARPEST:
            return None
        corners = meet[:, :2] / meet[:, 2:]
    return _top_left_first(corners)


def hull_of(area: np.ndarray) -> ConvexHull:
    """The convex hull of an area, bool (height, width)."""
    # Imported here because most pictures show no sheet.
    from scipy.spatial import ConvexHull

    return ConvexHull(np.argwhere(area & ~ndimage.binary_erosion(area))[:, ::-1])


def largest_quadrilateral(hull: ConvexHull) -> np.ndarray:
    """The approximate corners of the largest quadrilateral in a convex hull, float64 (4, 2), in turn around it."""
    points = hull.points[hull.vertices]
    angles = np.deg2rad(np.arange(0, 90, 5))
    along, across = points @ [np.cos(angles), np.sin(angles)], points @ [-np.sin(angles), np.cos(angles)]
    found = points[np.stack([along.argmax(0), across.argmax(0), along.argmin(0), across.argmin(0)], axis=1)]
    return found[np.argmax([quadrilateral_area(corners) for corners in found])]


def quadrilateral_area(corners: np.ndarray) -> float:
    """The area of a convex quadrilateral, from its corners in turn, (4, 2)."""
    (a, b), (c, d) = corners[2] - corners[0], corners[3] - corners[1]
    return float(abs(a * d - b * c) / 2)


def straighten(grey: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Show a sheet as it is seen from straight above.

    The sides keep the mean of their lengths in the picture. What the angle took from the height or the width of the
    sheet therefore stays lost, and digits are as wide or as narrow as in the picture.

    Args:
        grey: float32 (height, width).
        corners: from `find_corners`.

    Returns:
        The sheet, float32; and the homography from places in it to places in `grey`. Beyond the edge of `grey` the
        sheet goes on with the nearest pixels.
    """
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    width, height = (max(1, round(float(pair.mean()))) for pair in (sides[::2], sides[1::2]))
    back = homography(np.array([(0, 0), (width, 0), (width, height), (0, height)]), corners)
    beyond = max(0, int(np.ceil(max(-corners.min(), (corners - grey.shape[::-1]).max()))))
    wide = Image.fromarray(np.pad(grey, beyond, "edge"))
    shifted = np.array([(1, 0, beyond), (0, 1, beyond), (0, 0, 1)]) @ back
    numbers = (shifted / shifted[2, 2]).ravel()[:8].tolist()
    page = wide.transform((width, height), Image.Transform.PERSPECTIVE, numbers, Image.Resampling.BICUBIC)
    return np.clip(np.asarray(page), 0, 1), back


def homography(places: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The homography that takes four places to four others.

    Args:
        places: (4, 2), no three of them on a line.
        seen: (4, 2), where they go.
    """
    x, y = places.T.astype(np.float64)
    u, v = seen.T
    one, zero = np.ones(4), np.zeros(4)
    equations = np.concatenate(
        [
            np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], axis=1),
            np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], axis=1),
        ]
    )
    return np.append(np.linalg.solve(equations, np.concatenate([u, v])), 1).reshape(3, 3)


def seen_at(places: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Where a homography takes places, (n, 2)."""
    moved = np.column_stack([places, np.ones(len(places))]) @ back.T
    return moved[:, :2] / moved[:, 2:]


def _line(rim: np.ndarray, start: np.ndarray, end: np.ndarray, near: float) -> np.ndarray | None:
    """The straight side between two corners as a line (a, b, c) with a·x + b·y + c = 0; None if there is none."""
    length = float(np.linalg.norm(end - start))
    along = (end - start) / max(length, 1)
    share = (rim - start) @ along / max(length, 1)
    away = np.abs((rim - start) @ (-along[1], along[0]))
    side = rim[(away < near * length) & (share > MIDDLE[0]) & (share < MIDDLE[1])]
    places = len(np.unique(np.round((side - start) @ along)))
    if places < max(SHORTEST, SEEN * (MIDDLE[1] - MIDDLE[0]) * length):
        return None
    middle = side.mean(axis=0)
    normal = np.linalg.svd(side - middle, full_matrices=False)[2][1]
    if np.quantile(np.abs((side - middle) @ normal), 0.95) > max(1.0, near / 3 * length):
        return None
    return np.append(normal, -normal @ middle)


def _top_left_first(corners: np.ndarray) -> np.ndarray:
    """The corners of a convex quadrilateral clockwise, so that its upper side goes from left to right."""
    middle = corners.mean(axis=0)
    x, y = (corners - middle).T
    clockwise = corners[np.argsort(np.arctan2(y, x))]
    turned = [np.roll(clockwise, -number, axis=0) for number in range(4)]
    return max(turned, key=lambda one: float((one[1] + one[2] - one[0] - one[3])[0]))

"""The sheet of paper in a photo: where it lies on a darker table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from digits.pictures.ink import otsu
from digits.pictures.perspective import (
    find_corners,
    hull_of,
    largest_quadrilateral,
    quadrilateral_area,
    seen_at,
    straighten,
)

# The shorter side of a picture, reduced to about 320 pixels, that may show a table. Drawings and crops are smaller.
SMALLEST_SHEET = 150
# The highest brightness of the table, as a share of the paper's: around any sheet, and around one with straight sides.
DARK_TABLE, BRIGHTEST_TABLE = 0.5, 0.65


@dataclass(frozen=True)
class Page:
    """What digits are looked for on: a whole picture, or the sheet of paper in it.

    Attributes:
        grey: float (height, width), 0 black to 1 white.
        back: the homography from places in it to places in the picture; None for a whole picture.
    """

    grey: np.ndarray
    back: np.ndarray | None = None

    def in_picture(self, box: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Where a box of the page lies in the picture: the smallest box around it, within the picture.

        Args:
            box: top, left, bottom, right.
            shape: height and width of the picture.
        """
        if self.back is None:
            return box
        top, left, bottom, right = box
        seen = seen_at(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]), self.back)
        low, high = np.floor(seen.min(0) + 0.01), np.ceil(seen.max(0) - 0.01)
        last = np.array(shape[::-1])
        low = np.clip(low, 0, last - 1)
        return np.concatenate([low[::-1], np.clip(high, low + 1, last)[::-1]]).astype(int)


def find_sheet(grey: np.ndarray) -> Page:
    """Cut out the sheet of paper that lies on something darker, such as a table, as it is seen from straight above.

    A sheet is a bright area with the shape of a sheet. Its surroundings are less than half as bright; or less than two
    thirds, where it has four straight sides. A sheet with a side that is bent, or not seen, is cut out as it is.

    Args:
        grey: float (height, width), 0 black to 1 white.

    Returns:
        The sheet, with the table in it replaced by the nearest paper. A picture without such a sheet is returned whole.
    """
    step = max(1, max(grey.shape) // 320)
    small = ndimage.gaussian_filter(grey, step)[::step, ::step]
    whole = _sheet_area(small) if min(small.shape) >= SMALLEST_SHEET else None
    if whole is None:
        return Page(grey)
    # The rim is left out: it is blurred, and may lie in shadow.
    core = ndimage.binary_erosion(whole, iterations=max(2, min(small.shape) // 60), border_value=1)
    inside = core.repeat(step, axis=0).repeat(step, axis=1)[: grey.shape[0], : grey.shape[1]]
    inside = np.pad(inside, [(0, have - known) for have, known in zip(grey.shape, inside.shape, strict=True)])
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    paper = grey[tuple(nearest)]
    corners = find_corners(core)
    if corners is not None:
        return Page(*straighten(paper, corners * step))
    rows, columns = (np.flatnonzero(core.any(axis)) * step for axis in (1, 0))
    top, left = rows[0], columns[0]
    return Page(
        paper[top : rows[-1] + step, left : columns[-1] + step], np.array([(1, 0, left), (0, 1, top), (0, 0, 1)])
    )


def _sheet_area(light: np.ndarray) -> np.ndarray | None:
    """The pixels of the sheet, bool (height, width), or None if the picture shows no sheet."""
    half = otsu(light)
    # A shadow may divide the sheet, so that the first threshold cuts it in two. The second separates shadow from table.
    areas = [_largest_area(light > threshold) for threshold in (half, otsu(light[light <= half]))]
    for sheet, whole in areas:
        if _is_sheet(light, sheet, whole, DARK_TABLE):
            return whole
    # The larger one first: beside a brighter table the lit half of a sheet has straight sides, too.
    for sheet, whole in reversed(areas):
        if _is_sheet(light, sheet, whole, BRIGHTEST_TABLE) and find_corners(whole) is not None:
            return whole
    return None


def _largest_area(bright: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest connected area, bool (height, width), and the same with its holes filled."""
    labels, _ = ndimage.label(bright)
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    sheet = labels == areas.argmax()
    return sheet, ndimage.binary_fill_holes(sheet)


def _is_sheet(light: np.ndarray, sheet: np.ndarray, whole: np.ndarray, brightest_table: float) -> bool:
    """Whether a bright area is a sheet of paper. `whole` is the area with its holes filled."""
    area, box = whole.sum(), ndimage.find_objects(whole.astype(int))
    if not box or not 0.2 * whole.size < area < 0.92 * whole.size or sheet.sum() < 0.85 * area:
        return False
    height, width = (side.stop - side.start for side in box[0])
    # A thick light 1 on black has straight sides, too, but is narrow.
    if min(height, width) < 0.4 * max(height, width):
        return False
    paper, around = np.median(light[sheet]), np.quantile(light[~whole], 0.9)
    if around > brightest_table * paper or paper - around < 0.2:
        return False
    hull = hull_of(whole)
    # The largest quadrilateral is all of a sheet, but only 2/π of a round 0.
    return bool(area >= 0.93 * hull.volume and quadrilateral_area(largest_quadrilateral(hull)) >= 0.85 * hull.volume)

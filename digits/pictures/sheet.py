"""The sheet of paper in a photo: where it lies on a darker table."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from digits.pictures.ink import otsu

# The shorter side of a picture, reduced to about 320 pixels, that may show a table. Drawings and crops are smaller.
SMALLEST_SHEET = 150


def find_sheet(grey: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Cut out the sheet of paper that lies on something darker, such as a table.

    A sheet is a bright area with the shape of a sheet. Its surroundings are less than half as bright.

    Args:
        grey: float (height, width), 0 black to 1 white.

    Returns:
        The bounding box of the sheet, with the table in it replaced by the nearest paper; and the top and left of that
        box in the picture. A picture without such a sheet is returned whole.
    """
    step = max(1, max(grey.shape) // 320)
    small = ndimage.gaussian_filter(grey, step)[::step, ::step]
    whole = _sheet_area(small) if min(small.shape) >= SMALLEST_SHEET else None
    if whole is None:
        return grey, (0, 0)
    # The rim is left out: it is blurred, and may lie in shadow.
    core = ndimage.binary_erosion(whole, iterations=max(2, min(small.shape) // 60), border_value=1)
    rows, columns = (np.flatnonzero(core.any(axis)) * step for axis in (1, 0))
    inside = core.repeat(step, axis=0).repeat(step, axis=1)[: grey.shape[0], : grey.shape[1]]
    inside = np.pad(inside, [(0, have - known) for have, known in zip(grey.shape, inside.shape, strict=True)])
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    page = grey[tuple(nearest)][rows[0] : rows[-1] + step, columns[0] : columns[-1] + step]
    return page, (int(rows[0]), int(columns[0]))


def _sheet_area(light: np.ndarray) -> np.ndarray | None:
    """The pixels of the sheet, bool (height, width), or None if the picture shows no sheet."""
    half = otsu(light)
    # A shadow may divide the sheet, so that the first threshold cuts it in two. The second separates shadow from table.
    for threshold in (half, otsu(light[light <= half])):
        labels, _ = ndimage.label(light > threshold)
        areas = np.bincount(labels.ravel())
        areas[0] = 0
        sheet = labels == areas.argmax()
        whole = ndimage.binary_fill_holes(sheet)
        if _is_sheet(light, sheet, whole):
            return whole
    return None


def _is_sheet(light: np.ndarray, sheet: np.ndarray, whole: np.ndarray) -> bool:
    """Whether a bright area is a sheet of paper. `whole` is the area with its holes filled."""
    area, box = whole.sum(), ndimage.find_objects(whole.astype(int))
    if not box or not 0.2 * whole.size < area < 0.92 * whole.size or sheet.sum() < 0.85 * area:
        return False
    height, width = (side.stop - side.start for side in box[0])
    # A thick light 1 on black has straight sides, too, but is narrow.
    if min(height, width) < 0.4 * max(height, width):
        return False
    paper, around = np.median(light[sheet]), np.quantile(light[~whole], 0.9)
    if around > 0.5 * paper or paper - around < 0.2:
        return False
    # Imported here because most pictures show no sheet.
    from scipy.spatial import ConvexHull

    hull = ConvexHull(np.argwhere(whole & ~ndimage.binary_erosion(whole)))
    return bool(area >= 0.93 * hull.volume and _largest_quadrilateral(hull.points[hull.vertices]) >= 0.85 * hull.volume)


def _largest_quadrilateral(hull: np.ndarray) -> float:
    """The approximate area of the largest quadrilateral in a convex hull: all of a sheet, but only 2/π of a round 0.

    Args:
        hull: (n, 2), its corners.
    """
    angles = np.deg2rad(np.arange(0, 90, 5))
    along, across = hull @ [np.cos(angles), np.sin(angles)], hull @ [-np.sin(angles), np.cos(angles)]
    diagonals = (hull[values.argmax(0)] - hull[values.argmin(0)] for values in (along, across))
    (a, b), (c, d) = (diagonal.T for diagonal in diagonals)
    return float(np.abs(a * d - b * c).max() / 2)

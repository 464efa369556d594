"""Ink and paper: how much ink each pixel of a page holds, whatever the light, the paper and the noise."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from digits.pictures.ruled import ruled_lines, without_faint_lines

# The least difference between full ink and paper, as a share of the range from black to white. Less is no ink.
MIN_CONTRAST = 0.08
# The range of the paper's brightness from which on the light counts as uneven.
UNEVEN = 0.1
# The skewness of fine brightness, in absolute value, that decides alone (`ink_is_light`). Noise has 0, pencil 5 to 30.
CLEAR_SKEWNESS = 4.0
# The shorter side, in pixels, below which a picture is a crop of a digit or two.
LARGEST_CROP = 150
# The faintest ink of a crop without noise, as a share of its darkest.
FAINTEST = 0.2
# The noise level from which on a picture counts as noisy: its standard deviation on the range from black to white.
NOISY = 0.01


def ink_map(grey: np.ndarray) -> np.ndarray:
    """How much ink each pixel holds: float32 (height, width), 0 paper to 1 full ink; all 0 if there is none.

    Three things count as paper: what is wider than any stroke (shadow, gradient, a table beside the sheet), ruled
    lines, and differences as small as the noise.

    Args:
        grey: float (height, width), 0 black to 1 white.
    """
    light = np.asarray(grey, dtype=np.float32)
    dark_ink = not ink_is_light(light)
    light = 1 - light if dark_ink else light
    noisy = noise_level(light) > NOISY
    if noisy:
        # The blur grows with the picture: a small picture has thin strokes, and a wide blur would erase them.
        light = ndimage.gaussian_filter(light, min(1.0, min(light.shape) / 300))
    paper = _paper(light)
    strength = light - paper
    if dark_ink:
        # Shadow scales paper and ink by the same factor, so division undoes it. The bound limits noise in deep shadow.
        strength /= np.maximum(1 - paper, 0.25)
    strength -= np.median(strength)
    least = 5 * 1.4826 * np.median(np.abs(strength))
    if not noisy and min(light.shape) < LARGEST_CROP:
        # Ink covers so much of a crop that it is ink, not noise, by which most pixels differ from the median.
        least = min(least, FAINTEST * strength.max())
    strength[strength < max(0.02, least)] = 0
    strength[ruled_lines(strength > 0.25 * strength.max())] = 0
    inked = strength[strength > 0]
    if not inked.size:
        return np.zeros_like(strength)
    full = np.quantile(inked[inked >= otsu(inked)], 0.95)
    return without_faint_lines(np.clip(strength / full, 0, 1)) if full >= MIN_CONTRAST else np.zeros_like(strength)


def _paper(light: np.ndarray) -> np.ndarray:
    """The brightness of the paper behind light ink: float (height, width).

    A grey opening removes what is brighter and narrower than its window. Unlike a mean or a median it follows the edge
    of a shadow exactly.
    """
    paper = ndimage.grey_opening(light, size=_odd(min(light.shape) / 3))
    if min(light.shape) >= LARGEST_CROP and np.ptp(np.quantile(paper, (0.05, 0.95))) > UNEVEN:
        # A corner where two shadows meet can be as narrow as a thick stroke, and the first window would take it for
        # ink. Only photos have such corners, and their strokes fit the narrower window. Those of a crop do not.
        paper = ndimage.grey_opening(light, size=_odd(min(light.shape) / 7))
    return paper


def _odd(size: float) -> int:
    return max(3, int(size) // 2 * 2 + 1)


def ink_is_light(grey: np.ndarray) -> bool:
    """Whether the ink is lighter than its paper.

    Ink covers less of a picture than paper does, above all along the border. The brightness around its median therefore
    has its long tail on the side of the ink. A blurred copy is subtracted first, because uneven light has a tail of its
    own. The blur spans a seventh of the picture, which is wider than strokes and narrower than shadows.

    Args:
        grey: float (height, width), 0 black to 1 white.
    """
    fine = grey - ndimage.gaussian_filter(grey, max(2, min(grey.shape) / 20), mode="nearest")
    rim = max(1, min(grey.shape) // 12)
    fine = (fine - np.median(fine))[rim:-rim, rim:-rim]
    if fine.size and fine.std() > 0:
        # Thin or small strokes leave a high skewness at this fine scale, and the coarse scale is not needed.
        skewness = float(_cubes(fine).mean() / fine.std() ** 3)
        if abs(skewness) > CLEAR_SKEWNESS:
            return skewness > 0
    step = max(1, min(grey.shape) // 200)
    small = grey[::step, ::step]
    relief = small - ndimage.gaussian_filter(small, min(small.shape) / 7, mode="nearest")
    rim = max(1, min(small.shape) // 12)
    border = np.ones(small.shape, dtype=bool)
    border[rim:-rim, rim:-rim] = False
    weights = np.where(border, 1 / border.sum(), 1 / small.size)
    order = np.argsort(relief, axis=None)
    middle = relief.ravel()[order[np.searchsorted(np.cumsum(weights.ravel()[order]), weights.sum() / 2)]]
    return bool(_cubes(relief - middle).mean() > 0)


def _cubes(values: np.ndarray) -> np.ndarray:
    # As a power it takes ten times as long.
    return values * values * values


def noise_level(grey: np.ndarray) -> float:
    """Standard deviation of the pixel noise. Edges and gradients do not raise it.

    Source: J. Immerkær, "Fast noise variance estimation", 1996. The median replaces the mean here, so that ink does not
    raise it either.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    return float(1.4826 * np.median(np.abs(ndimage.convolve(grey, kernel))) / 6)


def otsu(values: np.ndarray) -> float:
    """The threshold that divides values into the two most distinct classes.

    Source: N. Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    if np.ptp(values) < 1e-4:
        return float(values.min())
    counts, edges = np.histogram(values, bins=256)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * middles)
    between = below * above * (sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)) ** 2
    return float(edges[1 + int(np.argmax(between))])

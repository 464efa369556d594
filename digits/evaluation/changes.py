"""Changes of images, such as shift, noise or blur, whose effect on the accuracy is measured.

A change takes uint8 (n, height, width), light on dark, a strength and a generator. It gives an array of the same shape
and dtype; strength 0 leaves every pixel as it is. The kinds of change follow D. Hendrycks and T. Dietterich,
"Benchmarking neural network robustness to common corruptions and perturbations", ICLR 2019.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

_DIRECTIONS = np.array([(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)])


def shift(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Move each image by `strength` whole pixels in one of eight directions; pixels that leave the image are lost."""
    count, height, width = images.shape
    reach = int(strength)
    down, right = (reach * _DIRECTIONS[rng.integers(0, len(_DIRECTIONS), count)]).T
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach)))
    rows = np.arange(height) + reach - down[:, None]
    columns = np.arange(width) + reach - right[:, None]
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def rotation(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Turn each image about its middle by `strength` degrees, to the left or to the right."""
    angles = np.deg2rad(strength) * rng.choice((-1, 1), len(images))
    cosine, sine = np.cos(angles), np.sin(angles)
    return _transform(images, np.moveaxis(np.array([[cosine, -sine], [sine, cosine]]), 2, 0))


def scale(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Make each digit larger about the image's middle by `strength` percent, or smaller if that is negative."""
    return _transform(images, np.broadcast_to(np.eye(2) / (1 + strength / 100), (len(images), 2, 2)))


def stroke(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Make strokes wider by `strength` whole pixels, or narrower if that is negative.

    By morphology at twice the resolution, which can add half a pixel on either side of a stroke. Compare D. C. Castro
    et al., "Morpho-MNIST: quantitative assessment and diagnostics for representation learning", JMLR 2019.
    """
    radius = abs(int(strength))
    offsets = np.arange(-radius, radius + 1)
    disc = (offsets[:, None] ** 2 + offsets**2 <= radius**2)[None]
    change = ndimage.grey_dilation if strength > 0 else ndimage.grey_erosion
    large = change(images.repeat(2, axis=1).repeat(2, axis=2), footprint=disc, mode="constant")
    count, height, width = images.shape
    return to_pixels(large.reshape(count, height, 2, width, 2).mean(axis=(2, 4)))


def noise(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Add normal noise with a standard deviation of `strength` grey levels to each pixel."""
    return to_pixels(images + strength * rng.standard_normal(images.shape, dtype=np.float32))


def blur(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Blur with a Gaussian that has a standard deviation of `strength` pixels."""
    return to_pixels(ndimage.gaussian_filter(images.astype(np.float32), (0, strength, strength)))


def contrast(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Take away `strength` percent of the contrast: bring each pixel nearer to the image's mean."""
    mean = images.mean(axis=(1, 2), keepdims=True)
    return to_pixels(images - strength / 100 * (images - mean))


def inversion(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Swap dark and light at strength 1; at 0.5 every pixel is the same grey."""
    return to_pixels(images + strength * (255.0 - 2.0 * images))


def occlusion(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Blacken a square with a side of `strength` whole pixels around a random inked pixel of each image."""
    count, height, width = images.shape
    ink = images.reshape(count, height * width).astype(np.int64).cumsum(axis=1)
    # The middle is drawn in proportion to the ink of a pixel.
    middle = (ink <= (rng.random(count) * ink[:, -1])[:, None]).sum(axis=1).clip(max=height * width - 1)
    top, left = (at[:, None] - int(strength) // 2 for at in np.unravel_index(middle, (height, width)))
    rows = (np.arange(height) >= top) & (np.arange(height) < top + int(strength))
    columns = (np.arange(width) >= left) & (np.arange(width) < left + int(strength))
    return np.where(rows[:, :, None] & columns[:, None, :], np.uint8(0), images)


# The margin of splines in pixels. Beyond it, an edge changes nothing that a grey level would show.
_MARGIN = 12

CHANGES: dict[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    change.__name__: change for change in (shift, rotation, scale, stroke, noise, blur, contrast, inversion, occlusion)
}


def _transform(images: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Map each image about its middle, by cubic splines. `matrices` (n, 2, 2) map places of the result to the image."""
    # As `affine_transform` does for each image: splines in a margin of zeros.
    splines = np.pad(images.astype(np.float32), ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))
    for axis in (1, 2):
        splines = ndimage.spline_filter1d(splines, axis=axis, mode="grid-constant")
    middle = (np.array(images.shape[1:]) - 1) / 2
    changed = np.empty(images.shape, dtype=np.float32)
    for spline, matrix, target in zip(splines, matrices, changed, strict=True):
        offset = middle - matrix @ middle + _MARGIN
        ndimage.affine_transform(spline, matrix, offset, output=target, mode="grid-constant", prefilter=False)
    return to_pixels(changed)


def to_pixels(values: np.ndarray) -> np.ndarray:
    """Round to whole grey levels, uint8; values beyond 0 and 255 are cut off."""
    return values.round().clip(0, 255).astype(np.uint8)

"""From any picture of handwritten digits to arrays that look like MNIST's.

`load_picture` reads a file, `find_digits` separates ink from paper and strokes into digits, `to_mnist` brings one digit
into MNIST's convention. The three are pure but for the reading of the file.

The convention is that of Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits": the digits were
"size normalized to fit in a 20x20 pixel box while preserving their aspect ratio", with "grey levels as a result of the
anti-aliasing technique", and "centered in a 28x28 image by computing the center of mass of the pixels, and translating
the image so as to position this point at the center of the 28x28 field". Ink is light (255) on dark (0). Measured on
the training images: the longer side of the ink is 20 pixels in 99.97 % of them, and the centre of mass lies within half
a pixel of index 14 in both axes, so the translation is by whole pixels.
"""

from __future__ import annotations

import io
import math
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull

from digits.errors import DigitsError

SIDE = 28
BOX = 20
CENTRE = 14

# What Pillow may decode. Formats that nobody's camera, scanner or drawing program writes only widen the attack surface.
FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "TIFF", "WEBP", "PPM", "HEIF", "AVIF")
SUFFIXES = frozenset(
    [".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".heic", ".heif", ".avif"]
)
# Of the file. A TIFF or BMP of `MAX_PIXELS` in three colours has 192 MB.
MAX_BYTES = 200 * 2**20
# 256 MB at the 4 bytes that Pillow takes for a pixel; photos of 50 megapixels pass.
MAX_PIXELS = 64_000_000
# Pixels along the longer side while looking for digits: a digit 5 mm high on a sheet of A4 still has 21.
WORKING_SIDE = 1280

# Ink must differ from its paper by this share of the range from black to white, or there is none.
MIN_CONTRAST = 0.08
# From this range of brightness on, paper counts as unevenly lit.
UNEVEN = 0.1
# Of the brightness at the scale of strokes, in size; evenly spread noise has 0, strokes of a pencil 5 to 30.
CLEAR_SKEWNESS = 4.0
# Smaller pictures, in pixels of their shorter side, are drawings or crops and show no table.
SMALLEST_SHEET = 150
# In pixels. What is smaller has too little shape to be read, or is a grain of noise.
MIN_HEIGHT = 5
MIN_HEIGHT_IN_NOISE = 16
# Standard deviation, of the range from black to white, from which on a picture counts as noisy.
NOISY = 0.01
# Of the picture's shorter side, as the height of a digit: 4 mm on a sheet of A4.
SMALLEST_SHARE = 0.012
# Of the picture's shorter side; in pixels. Below both there are remains of shadows and lines among the digits.
CRUMB = 0.035
HAIR = 3
# Of the picture's shorter side, as the least size of a digit that the edge may touch.
CLOSE_CROP = 0.3
# Stroke widths of MNIST in pixels of the 20×20 box, 1st and 99th percentile of the training images.
STROKE_WIDTHS = (1.4, 5.4)
# The least resolution at which strokes are measured and changed, in pixels of the longer side of a digit.
STROKE_SIDE = 160

EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


class PictureError(DigitsError):
    """A file that is no picture we can read."""


@dataclass(frozen=True)
class Picture:
    """A picture as it is worked on.

    Attributes:
        name: the file's name, for messages; see `shown`.
        colour: RGB, upright, at most `WORKING_SIDE` pixels a side.
        grey: float32 (height, width), 0 black to 1 white; same size as `colour`.
        scale: pixels of the file per pixel here, ≥ 1.
        note: what the reader should know ("first of 12 frames"), or an empty string.
    """

    name: str
    colour: Image.Image
    grey: np.ndarray
    scale: float
    note: str = ""


@dataclass(frozen=True)
class Digit:
    """One digit of a picture.

    Attributes:
        pixels: uint8 (28, 28), light on dark, as in MNIST.
        box: left, top, right, bottom in pixels of `Picture.grey`; right and bottom are exclusive.
    """

    pixels: np.ndarray
    box: tuple[int, int, int, int]


# --- Reading the file ---------------------------------------------------------------------------------------------


def load_picture(source: Path | str | bytes, name: str | None = None) -> Picture:
    """Read a picture of any size and mode: EXIF rotation applied, transparency laid on a contrasting ground.

    Of an animation the first frame is read, and `Picture.note` says so.

    Args:
        source: a path, or the bytes of a file.
        name: what to call it in messages; by default the path.

    Raises:
        PictureError: missing, unreadable, no regular file, empty, not a picture, truncated or too large. One line.
    """
    name = shown(name or ("picture" if isinstance(source, bytes) else str(source)))
    data = source if isinstance(source, bytes) else _read_bytes(Path(source), name)
    if not data:
        raise PictureError(f"{name}: the file is empty (0 bytes)")
    if len(data) > MAX_BYTES:
        raise PictureError(f"{name}: more than {MAX_BYTES // 2**20} MiB: make it smaller")
    formats = _formats()
    with warnings.catch_warnings():
        # Pillow warns on standard error about damaged metadata, which does not concern the pixels.
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=formats) as image:
                return _decode(image, name)
        except PictureError:
            raise
        except Image.DecompressionBombError:
            raise PictureError(f"{name}: more than {MAX_PIXELS // 10**6} million pixels: make it smaller") from None
        except Image.UnidentifiedImageError:
            raise PictureError(f"{name}: not a picture ({', '.join(formats)} are read)") from None
        except MemoryError:
            raise PictureError(f"{name}: too large for this computer's memory: make it smaller") from None
        except Exception as error:  # noqa: BLE001 - on damaged files Pillow's decoders raise about any type
            reason = " ".join(str(error).split()) or type(error).__name__
            raise PictureError(f"{name}: damaged or truncated picture ({reason})") from None


def shown(name: str) -> str:
    """A file's name as text for any terminal, JSON or title: what is not UTF-8 or not printable is escaped."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _read_bytes(path: Path, name: str) -> bytes:
    try:
        mode = path.stat().st_mode
        # Opening a pipe waits for its writer, and a device may never end.
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise PictureError(f"{name}: a pipe or device, not a file; `-` reads standard input")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise PictureError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise PictureError(f"{name}: a folder, not a picture") from None
    except OSError as error:
        raise PictureError(f"{name}: cannot be read ({error.strerror})") from None


def _formats() -> list[str]:
    """Those of `FORMATS` that this Pillow decodes; iPhone's HEIF needs the optional package pillow-heif."""
    try:
        import pillow_heif  # type: ignore[import-not-found]
    except ImportError:
        pass
    else:
        pillow_heif.register_heif_opener()
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _decode(image: Image.Image, name: str) -> Picture:
    width, height = image.size
    if width * height > MAX_PIXELS:
        size = f"{width}×{height} is more than {MAX_PIXELS // 10**6} million pixels"
        raise PictureError(f"{name}: {size}: make it smaller")
    frames = getattr(image, "n_frames", 1)
    note = f"first of {frames} frames" if frames > 1 and image.format != "MPO" else ""
    # JPEG can be decoded at 1/2, 1/4 or 1/8 of its size, which saves most of the time and memory of a photo.
    image.draft("RGB", (WORKING_SIDE, WORKING_SIDE))
    image.load()
    image = ImageOps.exif_transpose(image)
    colour = _eight_bit(image)
    longest = max(colour.size)
    if longest > WORKING_SIDE:
        new_width, new_height = (max(1, round(side * WORKING_SIDE / longest)) for side in colour.size)
        colour = colour.resize((new_width, new_height), Image.Resampling.BOX)
    colour = _opaque(colour)
    return Picture(name, colour.convert("RGB"), _grey(colour), max(width, height) / max(colour.size), note)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Convert any mode to L, LA, RGB or RGBA. More than 8 bits are brought to 8 by their range, not clipped."""
    if image.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        high = next((top for top in (1.0, 255.0, 65535.0) if values.max() <= top), float(values.max()))
        # Only floating point says "1.0" for white: in an integer picture 1 is as good as black.
        high = high if image.mode == "F" else max(high, 65535.0)
        return Image.fromarray((np.clip(values / high, 0, 1) * 255).round().astype(np.uint8))
    if image.mode == "LAB":
        return image.getchannel(0)
    if image.has_transparency_data:
        return image.convert("LA" if image.mode in ("L", "LA", "La") else "RGBA")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _opaque(image: Image.Image) -> Image.Image:
    """Lay a transparent picture on white, or on black if what is drawn on it is light."""
    if image.mode not in ("LA", "RGBA"):
        return image
    alpha = np.asarray(image.getchannel("A"), dtype=np.float64)
    light = np.asarray(image.convert("L"), dtype=np.float64)
    drawn_light = (light * alpha).sum() > 127.5 * alpha.sum()
    ground = Image.new("RGBA", image.size, "black" if drawn_light and alpha.min() < 128 else "white")
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("L" if image.mode == "LA" else "RGB")


def _grey(image: Image.Image) -> np.ndarray:
    """Float32 grey from 0 to 1, along the axis in which the picture's colours vary most.

    For black on white that axis is brightness; red on green of the same brightness would vanish in brightness alone.
    """
    values = np.asarray(image, dtype=np.float32) / 255
    if values.ndim == 2:
        return values
    covariance = np.cov(values.reshape(-1, 3), rowvar=False)
    # A picture of one pixel has no covariance; one without colour has its axis along grey already.
    axis = np.linalg.eigh(covariance)[1][:, -1] if np.isfinite(covariance).all() and covariance.any() else np.ones(3)
    axis = axis * (np.sign(axis.sum()) or 1.0)
    weights = (axis / np.abs(axis).sum()).astype(np.float32)
    return values @ weights - weights[weights < 0].sum()


# --- Ink and paper ------------------------------------------------------------------------------------------------


def find_digits(grey: np.ndarray) -> list[Digit]:
    """Find the digits of a picture in reading order: line by line, each from left to right.

    Touching digits stay one. An empty, uniform or merely noisy picture has none.

    Args:
        grey: float (height, width), 0 black to 1 white, ink darker or lighter than its paper.
    """
    if min(grey.shape) < MIN_HEIGHT:
        return []
    page, (top, left) = find_sheet(grey)
    ink = ink_map(page)
    min_height = MIN_HEIGHT_IN_NOISE if noise_level(page) > NOISY else MIN_HEIGHT
    labels, digits = find_strokes(ink, min_height, close_crop=page.shape == grey.shape)
    offset = np.array([top, left, top, left])
    return [Digit(to_mnist(_cut_out(ink, labels, strokes, hull)), _box(hull + offset)) for strokes, hull in digits]


def find_sheet(grey: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """The part of a picture that shows a sheet of paper on something darker, a table say.

    A sheet is one bright area that has a sheet's shape, and what lies around it is less than half as bright.

    Args:
        grey: float (height, width), 0 black to 1 white.

    Returns:
        The sheet within its bounding box, the table around it replaced by the nearest paper, and where in the picture
        the box begins: top, left. A picture without such a sheet comes back whole.
    """
    step = max(1, max(grey.shape) // 320)
    small = ndimage.gaussian_filter(grey, step)[::step, ::step]
    if min(small.shape) < SMALLEST_SHEET:
        return grey, (0, 0)
    half = otsu(small)
    # A shadow may divide the sheet; it is brighter than the table still.
    for threshold in (half, otsu(small[small <= half])):
        labels, _ = ndimage.label(small > threshold)
        areas = np.bincount(labels.ravel())
        areas[0] = 0
        sheet = labels == areas.argmax()
        whole = ndimage.binary_fill_holes(sheet)
        if _is_sheet(small, sheet, whole):
            break
    else:
        return grey, (0, 0)
    # The rim of the sheet is soft, and may be a shadow.
    core = ndimage.binary_erosion(whole, iterations=max(2, min(small.shape) // 60), border_value=1)
    rows, columns = (np.flatnonzero(core.any(axis)) * step for axis in (1, 0))
    inside = core.repeat(step, axis=0).repeat(step, axis=1)[: grey.shape[0], : grey.shape[1]]
    inside = np.pad(inside, [(0, have - known) for have, known in zip(grey.shape, inside.shape, strict=True)])
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    page = grey[tuple(nearest)][rows[0] : rows[-1] + step, columns[0] : columns[-1] + step]
    return page, (int(rows[0]), int(columns[0]))


def _is_sheet(light: np.ndarray, sheet: np.ndarray, whole: np.ndarray) -> bool:
    """Whether a bright area is a sheet of paper. `whole` is the area without its holes."""
    area, box = whole.sum(), ndimage.find_objects(whole.astype(int))
    if not box or not 0.2 * whole.size < area < 0.92 * whole.size or sheet.sum() < 0.85 * area:
        return False
    height, width = (side.stop - side.start for side in box[0])
    # A thick light 1 on black is as straight, but not as wide.
    if min(height, width) < 0.4 * max(height, width):
        return False
    paper, around = np.median(light[sheet]), np.quantile(light[~whole], 0.9)
    if around > 0.5 * paper or paper - around < 0.2:
        return False
    hull = ConvexHull(np.argwhere(whole & ~ndimage.binary_erosion(whole)))
    return bool(area >= 0.93 * hull.volume and _largest_quadrilateral(hull.points[hull.vertices]) >= 0.85 * hull.volume)


def _largest_quadrilateral(hull: np.ndarray) -> float:
    """The area of about the largest quadrilateral within a convex hull: all of a sheet, 2/π of a 0.

    Args:
        hull: (n, 2), its points.
    """
    angles = np.deg2rad(np.arange(0, 90, 5))
    along, across = hull @ [np.cos(angles), np.sin(angles)], hull @ [-np.sin(angles), np.cos(angles)]
    diagonals = (hull[values.argmax(0)] - hull[values.argmin(0)] for values in (along, across))
    (a, b), (c, d) = (diagonal.T for diagonal in diagonals)
    return float(np.abs(a * d - b * c).max() / 2)


def ink_map(grey: np.ndarray) -> np.ndarray:
    """How much ink each pixel holds: float32 (height, width), 0 paper to 1 full ink; all 0 if there is none.

    Whatever is wider than any stroke (shadow, gradient, table beside the sheet) counts as paper, ruled lines do, and
    so does what cannot be told from noise.
    """
    light = np.asarray(grey, dtype=np.float32)
    dark_ink = not ink_is_light(light)
    light = 1 - light if dark_ink else light
    if noise_level(light) > NOISY:
        # Not more than the thin strokes of a small picture can take.
        light = ndimage.gaussian_filter(light, min(1.0, min(light.shape) / 300))
    # A morphological opening keeps what a stroke-wide window does not fit into, so it is the paper alone; unlike a mean
    # or a median it follows the edge of a shadow exactly.
    paper = ndimage.grey_opening(light, size=_odd(min(light.shape) / 3))
    if np.ptp(np.quantile(paper, (0.05, 0.95))) > UNEVEN:
        # The corner between two shadows is as narrow as a thick stroke; a photo that has them has thinner strokes.
        paper = ndimage.grey_opening(light, size=_odd(min(light.shape) / 7))
    strength = light - paper
    if dark_ink:
        # Shade darkens paper and ink by the same factor. Where next to no light is left, noise must not be blown up.
        strength /= np.maximum(1 - paper, 0.25)
    strength -= np.median(strength)
    strength[strength < max(0.02, 5 * 1.4826 * np.median(np.abs(strength)))] = 0
    strength[ruled_lines(strength > 0.25 * strength.max())] = 0
    inked = strength[strength > 0]
    if not inked.size:
        return np.zeros_like(strength)
    full = np.quantile(inked[inked >= otsu(inked)], 0.95)
    return without_faint_lines(np.clip(strength / full, 0, 1)) if full >= MIN_CONTRAST else np.zeros_like(strength)


def without_faint_lines(ink: np.ndarray) -> np.ndarray:
    """Take away lines of the paper that are too crooked for `ruled_lines`, by their being fainter than the strokes.

    They are what hangs together over half the picture, is thin, and has little ink; all ink up to theirs goes.

    Args:
        ink: float (height, width), 0 paper to 1 full ink.
    """
    labels, _ = ndimage.label(ink > 0.15, EIGHT_NEIGHBOURS)
    lines = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        height, width = (side.stop - side.start for side in box)
        if height < ink.shape[0] / 2 and width < ink.shape[1] / 2:
            continue
        own = ink[box][labels[box] == label]
        if own.size < 0.25 * height * width or min(height, width) < 0.1 * max(height, width):
            lines.append(own)
    if not lines:
        return ink
    values = np.concatenate(lines)
    middle = np.median(values)
    if middle > 0.6:
        return ink
    # Strokes that cross a line hang together with it.
    top = min(0.65, float(np.quantile(values[values < min(2 * middle, 0.7)], 0.98)))
    return np.clip((ink - top) / (1 - top), 0, 1)


def ink_is_light(grey: np.ndarray) -> bool:
    """Whether the ink is lighter than its paper: ink is the minority, above all along the border.

    The brightness around the median has its long tail on the side of the ink. A blur is taken off before, or the tail
    would be that of the lighting; a seventh of the picture is wider than strokes and narrower than shadows.
    """
    fine = grey - ndimage.gaussian_filter(grey, max(2, min(grey.shape) / 20), mode="nearest")
    rim = max(1, min(grey.shape) // 12)
    fine = (fine - np.median(fine))[rim:-rim, rim:-rim]
    if fine.size and fine.std() > 0:
        # Thin or small strokes are all that is left at this scale, and leave no doubt.
        skewness = float((fine**3).mean() / fine.std() ** 3)
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
    return bool(((relief - middle) ** 3).mean() > 0)


def noise_level(grey: np.ndarray) -> float:
    """Standard deviation of the pixel noise, blind to edges and gradients.

    Source: J. Immerkær, "Fast noise variance estimation", 1996; here with the median, which ink does not move.
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


def ruled_lines(mask: np.ndarray) -> np.ndarray:
    """The pixels of ruled or squared paper's lines, without those where a stroke crosses a line.

    A line is thin and runs from edge to edge, or is one of three or more that span half the picture; it may lean by
    as much as its thickness in a twentieth of the width.

    Args:
        mask: bool (height, width), True where there is ink.

    Returns:
        bool (height, width).
    """
    return _horizontal_lines(mask) | _horizontal_lines(mask.T).T


def _horizontal_lines(mask: np.ndarray) -> np.ndarray:
    lines = np.zeros_like(mask)
    width = mask.shape[1]
    piece = max(15, width // 20)
    runs = _open_along(mask, piece, axis=1)
    # Where the pen faded the pieces of a line are joined again.
    joined = ndimage.maximum_filter1d(runs.view(np.uint8), piece, axis=1).view(bool)
    labels, _ = ndimage.label(joined, EIGHT_NEIGHBOURS)
    labels[~runs] = 0
    found = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        left, right = box[1].start, box[1].stop
        # The median: where a stroke runs along with the line, the mean would count it in.
        thickness = float(np.median((labels[box] == label).sum(axis=0)))
        if right - left >= width / 2 and thickness <= width / 40:
            margin = max(2, width // 50)
            found.append((label, thickness, left <= margin and right >= width - margin))
    for label, thickness, whole in found:
        if whole or len(found) >= 3:
            reach = 2 * math.ceil(thickness) + 3
            # The blurred rim of the line goes with it.
            line = ndimage.maximum_filter1d((labels == label).view(np.uint8), 5, axis=0).view(bool)
            lines |= line & ~_open_along(mask, reach, axis=0)
    return lines


def _open_along(mask: np.ndarray, length: int, axis: int) -> np.ndarray:
    """The parts of a mask that lie in unbroken runs of at least `length` pixels."""
    eroded = ndimage.minimum_filter1d(mask.view(np.uint8), length, axis=axis)
    # The even window's middle lies right of the centre in one filter and must lie left of it in the other.
    origin = 0 if length % 2 else -1
    return ndimage.maximum_filter1d(eroded, length, axis=axis, origin=origin).view(bool) & mask


def _odd(size: float) -> int:
    return max(3, int(size) // 2 * 2 + 1)


# --- Strokes and digits -------------------------------------------------------------------------------------------


def find_strokes(
    ink: np.ndarray, min_height: int = MIN_HEIGHT, close_crop: bool = True
) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Find connected strokes and group those of one digit.

    Args:
        ink: float (height, width), from `ink_map`.
        min_height: of a digit, in pixels.
        close_crop: whether a large digit may touch the edge, if there is no other.

    Returns:
        An int array (height, width) that gives each pixel of ink the number of its stroke, 0 elsewhere; and the digits
        in reading order, each as the numbers of its strokes and its box: top, left, bottom, right.
    """
    labels, count = ndimage.label(ink > 0.25, EIGHT_NEIGHBOURS)
    if not count:
        return labels, []
    # top, left, bottom, right; the last two exclusive
    boxes = np.array([[y.start, x.start, y.stop, x.stop] for y, x in ndimage.find_objects(labels)])
    areas = np.bincount(labels.ravel())[1:]
    keep = ndimage.maximum(ink, labels, np.arange(1, count + 1)) >= 0.5
    # What the edge cuts off is no whole digit but the rim of the sheet, a finger or a shadow.
    inside = keep & (boxes[:, :2] > 0).all(1) & (boxes[:, 2:] < ink.shape).all(1)
    large = (boxes[:, 2:] - boxes[:, :2]).max(1) >= CLOSE_CROP * min(ink.shape)
    keep = keep & large if close_crop and not inside.any() else inside
    # However small one writes, what is wholly within the rim of a photo is a crumb of a shadow that ends there.
    tiny = (boxes[:, 2:] - boxes[:, :2]).max(1) < CRUMB * min(ink.shape)
    rim = np.where(tiny, 0.08, 0.03)[:, None] * min(ink.shape)
    keep &= ((boxes[:, 2:] > rim) & (boxes[:, :2] < np.array(ink.shape) - rim)).all(1)
    min_height = max(min_height, round(SMALLEST_SHARE * min(ink.shape)))
    keep[[i for i in np.flatnonzero(keep) if _is_frame(labels, boxes, int(i), keep)]] = False
    sizes = (boxes[:, 2:] - boxes[:, :2]).max(1)
    # Specks of dirt or noise would be grouped into what looks like a digit.
    keep &= sizes >= max(min_height // 2, 0.12 * sizes[keep].max(initial=0))
    kept = np.flatnonzero(keep)
    groups = [kept[group] for group in group_boxes(boxes[kept])]
    hulls = [_hull(boxes[group]) for group in groups]
    shaped = [
        _has_shape(hull, areas[group].sum(), min_height) and not _is_blob(labels, group, hull)
        for group, hull in zip(groups, hulls, strict=True)
    ]
    tallest = max((hull[2] - hull[0] for hull, good in zip(hulls, shaped, strict=True) if good), default=0)
    chosen = [i for i, hull in enumerate(hulls) if shaped[i] and hull[2] - hull[0] >= 0.35 * tallest]
    extents = np.array([hulls[i][2:] - hulls[i][:2] for i in chosen]).reshape(-1, 2)
    if (extents.min(1) <= HAIR).all() and (extents.max(1) < CRUMB * min(ink.shape)).all():
        # Nothing but tiny hairs: what is left of the lines of an empty squared sheet.
        chosen = []
    order = reading_order(np.array([hulls[i] for i in chosen]).reshape(-1, 4))
    return labels, [(groups[chosen[i]] + 1, hulls[chosen[i]]) for i in order]


def group_boxes(boxes: np.ndarray) -> list[np.ndarray]:
    """Group the bounding boxes of strokes that belong to one digit.

    Two strokes do if one lies mostly above, below or within the other and the gap is small (the bar of a 5), or if
    they all but touch and one is a mere piece (a 4 whose pen was lifted).

    Args:
        boxes: int (n, 4): top, left, bottom, right, the last two exclusive.

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
    _, group = connected_components(stacked | close, directed=False)
    return [np.flatnonzero(group == i) for i in range(group.max() + 1)]


def reading_order(boxes: np.ndarray) -> list[int]:
    """Sort boxes line by line, each line from left to right.

    Boxes are on one line if they overlap by two fifths of the lower one's height, or are linked by such boxes: hand
    writing climbs and falls.

    Args:
        boxes: int (n, 4): top, left, bottom, right.
    """
    top, left, bottom, _ = boxes.T
    overlap = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    lower = np.minimum((bottom - top)[:, None], bottom - top)
    count, line = connected_components(overlap >= 0.4 * lower, directed=False) if len(boxes) else (0, np.zeros(0, int))
    middles = np.array([(top + bottom)[line == i].mean() for i in range(count)])
    return [int(i) for i in np.lexsort((left, middles[line]))]


def _box(hull: np.ndarray) -> tuple[int, int, int, int]:
    top, left, bottom, right = (int(value) for value in hull)
    return left, top, right, bottom


def _hull(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])


def _has_shape(hull: np.ndarray, area: int, min_height: int) -> bool:
    """Neither a speck, nor a dash, nor a solid blob."""
    height, width = hull[2:] - hull[:2]
    solid = area > 0.85 * height * width and width > 0.6 * height
    return bool(height >= min_height and width <= 3 * height and not solid)


def _is_blob(labels: np.ndarray, group: np.ndarray, hull: np.ndarray) -> bool:
    """As deep as it is wide: a dot or a stain. The deepest of 15,000 training images has 0.40, a disc 0.5."""
    shape = hull[2:] - hull[:2]
    if len(group) > 1 or min(shape) < MIN_HEIGHT_IN_NOISE or min(shape) < 0.6 * max(shape):
        return False
    mask = np.pad(labels[hull[0] : hull[2], hull[1] : hull[3]] == group[0] + 1, 1)
    return bool(ndimage.distance_transform_edt(mask).max() >= 0.45 * min(shape))


def _is_frame(labels: np.ndarray, boxes: np.ndarray, number: int, keep: np.ndarray) -> bool:
    """A printed box around a digit: a stroke along all four sides, with another one inside."""
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


def _cut_out(ink: np.ndarray, labels: np.ndarray, strokes: np.ndarray, hull: np.ndarray) -> np.ndarray:
    """The ink of one digit with its soft rim, without the ink of its neighbours: float (height, width)."""
    reach = 1 + math.ceil(0.08 * max(hull[2:] - hull[:2]))
    window = tuple(slice(max(0, low - reach), high + reach) for low, high in zip(hull[:2], hull[2:], strict=True))
    own = np.isin(labels[window], strokes)
    near = ndimage.maximum_filter(own.view(np.uint8), 2 * reach + 1).view(bool)
    return np.where(near & (own | (labels[window] == 0)), ink[window], 0)


# --- MNIST's convention -------------------------------------------------------------------------------------------


def to_mnist(ink: np.ndarray) -> np.ndarray:
    """Bring one digit into MNIST's convention (see the module's docstring).

    Strokes much thinner or thicker than any in MNIST are first brought to the nearest width that occurs there: a
    one-pixel line 200 pixels high would otherwise fade to nothing in the 20×20 box.

    Args:
        ink: float (height, width), 0 paper to 1 full ink, any size, some ink in it.

    Returns:
        uint8 (28, 28). A digit that follows the convention already comes back (nearly) as it was.
    """
    # The darkest ink of the picture may be another digit's.
    ink = usual_stroke_width(_trim(ink / ink.max()))
    height, width = ink.shape
    factor = BOX / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    resample = Image.Resampling.BOX if factor < 1 else Image.Resampling.BICUBIC
    small = np.clip(np.asarray(Image.fromarray(ink.astype(np.float32)).resize(size, resample)), 0, None)
    small = small / small.max()
    return (_centre(small) * 255).round().astype(np.uint8)


def usual_stroke_width(ink: np.ndarray) -> np.ndarray:
    """Thicken or thin strokes that are outside MNIST's range of widths; leave all others alone.

    Args:
        ink: float (height, width), cut to its bounding box.
    """
    thinnest, thickest = STROKE_WIDTHS
    width = stroke_width(ink)
    target = min(max(width, thinnest), thickest)
    if width == target:
        return ink
    # Never smaller: a thin line would fall apart.
    factor = max(1.0, STROKE_SIDE / max(ink.shape))
    height, breadth = (max(1, round(side * factor)) for side in ink.shape)
    grow = (target - width) / 2 * max(height, breadth) / BOX
    large = np.asarray(Image.fromarray(ink.astype(np.float32)).resize((breadth, height), Image.Resampling.BILINEAR))
    mask = np.pad(large > 0.5, math.ceil(max(grow, 0)) + 1)
    if not mask.any():
        return ink
    outside = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    thinned = np.clip(0.5 + grow - outside, 0, 1)
    return _trim(thinned) if thinned.any() else ink


def stroke_width(ink: np.ndarray) -> float:
    """Mean width of the strokes in pixels of the 20×20 box.

    The pixels of a stroke of width w lie on average w/4 from its rim.

    Args:
        ink: float (height, width), cut to its bounding box.
    """
    factor = max(1, math.ceil(STROKE_SIDE / max(ink.shape)))
    mask = np.pad(ndimage.zoom(ink, factor, order=1) > 0.5, 1)
    if not mask.any():
        return 0.0
    depth = ndimage.distance_transform_edt(mask)[mask].mean() - 0.5
    return float(4 * depth * BOX / max(mask.shape))


def _trim(ink: np.ndarray) -> np.ndarray:
    """Cut to the bounding box of what is visibly inked, and a soft rim to where it has risen to half its height."""
    rows, columns = (np.flatnonzero((ink > 0.04).any(axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    reach = round(max(ink.shape) / (2 * BOX))
    top, bottom = _rims(ink.max(axis=1), reach)
    left, right = _rims(ink.max(axis=0), reach)
    return ink[top : ink.shape[0] - bottom, left : ink.shape[1] - right]


def _rims(profile: np.ndarray, reach: int) -> tuple[int, int]:
    """How much at either end has not half the ink of what follows within `reach`: what smooth enlarging adds.

    `reach` is half a pixel of the 20×20 box: a faint outermost row of MNIST's own is wider than that, and kept.
    """

    def rim(values: np.ndarray) -> int:
        ahead = np.lib.stride_tricks.sliding_window_view(np.pad(values, (0, reach)), reach + 1).max(axis=1)
        return int(np.argmax(values >= 0.5 * ahead))

    return rim(profile), rim(profile[::-1])


def _centre(small: np.ndarray) -> np.ndarray:
    """Move by whole pixels so that the centre of mass is at `CENTRE`, or as near as the field allows."""
    field = np.zeros((SIDE, SIDE), dtype=small.dtype)
    starts = (
        min(max(round(CENTRE - mass), 0), SIDE - side)
        for mass, side in zip(ndimage.center_of_mass(small), small.shape, strict=True)
    )
    top, left = starts
    field[top : top + small.shape[0], left : left + small.shape[1]] = small
    return field

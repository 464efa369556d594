"""Generated photos of handwriting: a digit of MNIST, written with a pen on some paper, in some light."""

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

HEIGHT, WIDTH = 600, 800
DIGIT_HEIGHT = 150
PEN, PENCIL = (0.12, 0.18, 0.55), (0.5, 0.5, 0.5)
KINDS = ("plain", "pencil", "ruled", "squared", "strongly ruled", "boxed", "table", "chalk")


def photo(image: np.ndarray | None, kind: str, rng: np.random.Generator) -> Image.Image:
    """A photo of paper of one of `KINDS` with a digit on it.

    Args:
        image: uint8 (28, 28), light on dark; None for paper without a digit.
        kind: of paper and pen.
        rng: decides the place, the tilt of up to 3 degrees, the light and the noise.

    Returns:
        RGB, 800×600.
    """
    ink, place = _written(image, rng)
    tone = np.array((0.1, 0.2, 0.15) if kind == "chalk" else (0.93, 0.92, 0.88))
    page = _printed(tone, kind, place, rng)
    colour = {"chalk": (0.85, 0.85, 0.8), "pencil": PENCIL}.get(kind, PEN)
    page += ink[..., None] * (np.array(colour) - page)
    tilted = Image.fromarray(_eight_bit(page)).rotate(
        rng.uniform(-3, 3), Image.Resampling.BICUBIC, fillcolor=tuple(_eight_bit(tone).tolist())
    )
    page = np.asarray(tilted) / 255
    if kind == "table":
        page = _on_a_table(page, rng)
    light = _light(rng)
    noise = 0.01 * rng.normal(size=page.shape)
    photo = Image.fromarray(_eight_bit(page * light[..., None] + noise))
    return photo.filter(ImageFilter.GaussianBlur(0.7))


def at_an_angle(page: Image.Image, degrees: float, azimuth: float) -> tuple[Image.Image, Image.Image]:
    """A page as a camera sees it that does not look straight down, and that picture straightened exactly.

    A pinhole camera whose focal length is the width of the picture turns around the middle of the page.

    Args:
        page: seen from straight above.
        degrees: between the camera's direction and the one straight down.
        azimuth: the direction on the page in which the camera stands, in radians.

    Returns:
        Both of the size of the page, which goes on beyond its edges with the colours there.
    """
    width, height = page.size
    tilt = np.radians(degrees)
    axis = np.array((-np.sin(azimuth), np.cos(azimuth), 0))
    across = np.array(((0, 0, axis[1]), (0, 0, -axis[0]), (-axis[1], axis[0], 0)))
    turned = np.eye(3) + np.sin(tilt) * across + (1 - np.cos(tilt)) * across @ across  # Rodrigues' formula
    middle = np.array(((1, 0, width / 2), (0, 1, height / 2), (0, 0, 1)))
    in_space = np.column_stack((turned[:, :2], (0, 0, width)))
    seen = middle @ np.diag((width, width, 1)) @ in_space @ np.linalg.inv(middle)
    photo = _warped(page, np.linalg.inv(seen))
    return photo, _warped(photo, seen)


def _warped(picture: Image.Image, back: np.ndarray) -> Image.Image:
    """A picture through a homography, float (3, 3), from places in the result to places in the picture."""
    beyond = max(picture.size)
    wide = Image.fromarray(np.pad(picture, ((beyond, beyond), (beyond, beyond), (0, 0)), "edge"))
    back = np.array(((1, 0, beyond), (0, 1, beyond), (0, 0, 1))) @ back
    numbers = (back / back[2, 2]).ravel()[:8].tolist()
    return wide.transform(picture.size, Image.Transform.PERSPECTIVE, numbers, Image.Resampling.BICUBIC)


def pen_stroke(image: np.ndarray) -> np.ndarray:
    """A digit of MNIST at `DIGIT_HEIGHT` with the sharp edges of a pen: float from 0 to 1, cut to its box."""
    large = ndimage.zoom(image / 255, DIGIT_HEIGHT / 20, order=3)
    large = 1 / (1 + np.exp(-14 * (large - 0.45)))
    rows, columns = (np.flatnonzero((large > 0.3).any(axis)) for axis in (1, 0))
    return large[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _written(image: np.ndarray | None, rng: np.random.Generator) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """The ink, 0 to 1, and the digit's place: top, left, height, width. Without a digit it is a usual place."""
    ink = np.zeros((HEIGHT, WIDTH))
    if image is None:
        return ink, (220, 320, DIGIT_HEIGHT, 110)
    written = pen_stroke(image)
    height, width = written.shape
    top, left = rng.integers(200, 260), rng.integers(280, 400)
    ink[top : top + height, left : left + width] = written
    return ink, (top, left, height, width)


def _printed(tone: np.ndarray, kind: str, place: tuple[int, int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Paper with its grain, its printed lines, and a printed box around the place of the digit: float RGB."""
    top, left, height, width = place
    grain = 0.01 * ndimage.gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), 0.8)
    page = tone + grain[..., None]
    if kind in ("ruled", "squared"):
        page[rng.integers(8, 20) :: 40] *= (0.66, 0.77, 0.92)
    if kind == "squared":
        page[:, rng.integers(8, 20) :: 40] *= (0.66, 0.77, 0.92)
    if kind == "strongly ruled":
        for line in range(20, HEIGHT, 60):
            page[line : line + 2] *= 0.45
    if kind == "boxed":
        for grow in (0, 1):
            box = page[top - 25 - grow : top + height + 25 + grow, left - 35 - grow : left + width + 35 + grow]
            box[[0, -1]] = box[:, [0, -1]] = 0.3
    return page


def _on_a_table(page: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The middle of the page as a sheet with slanting sides on dark wood."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    sheet = (x > 90 + 0.05 * y) & (x < 700 - 0.04 * y) & (y > 40 + 0.03 * x) & (y < 560)
    wood = 0.4 * ndimage.gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), (1, 12))
    return np.where(sheet[..., None], page, wood[..., None] + (0.32, 0.2, 0.12))


def _light(rng: np.random.Generator) -> np.ndarray:
    """Light that falls off in one direction and has the soft edge of a shadow: factors (height, width)."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[-0.5 : 0.5 : HEIGHT * 1j, -0.5 : 0.5 : WIDTH * 1j]
    along = rows * np.sin(angle) + columns * np.cos(angle)
    return (0.85 + 0.3 * along) * (0.65 + 0.35 / (1 + np.exp(-40 * (along - rng.uniform(-0.3, 0.3)))))


def _eight_bit(values: np.ndarray) -> np.ndarray:
    return (255 * np.clip(values, 0, 1)).round().astype(np.uint8)

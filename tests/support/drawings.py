"""Drawn digits for tests, and what the tests ask of the digits found in them."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, zoom

from digits.pictures.file import load_picture
from digits.pictures.find import Digit, find_digits


def seven(size=(200, 260), ink=0, paper=255, width=18, mode="L") -> Image.Image:
    """A 7 of two straight strokes."""
    image = Image.new(mode, size, paper)
    w, h = size
    points = [(0.25 * w, 0.2 * h), (0.75 * w, 0.2 * h), (0.45 * w, 0.8 * h)]
    ImageDraw.Draw(image).line(points, fill=ink, width=width, joint="curve")
    return image


def page(path: Path) -> Path:
    """Write a page with a 1, then a 7, black on white, 600×300."""
    image = Image.new("L", (600, 300), 255)
    draw = ImageDraw.Draw(image)
    draw.line([(120, 60), (110, 240)], fill=0, width=18)
    draw.line([(340, 70), (460, 70), (380, 240)], fill=0, width=18, joint="curve")
    image.save(path)
    return path


def enlarged(image: np.ndarray) -> np.ndarray:
    """A digit four times as large, cut to its ink: float, 0 to 1."""
    rows, columns = (np.flatnonzero((image > 30).any(axis)) for axis in (1, 0))
    ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / 255
    return np.clip(zoom(ink, 4, order=1), 0, 1)


def side_by_side(*digits: np.ndarray, overlap: int) -> np.ndarray:
    """Digits in a row, upright in the middle, each of which overlaps the next by so many pixels."""
    height = max(len(digit) for digit in digits)
    page = np.zeros((height, sum(digit.shape[1] - overlap for digit in digits) + overlap))
    left = 0
    for digit in digits:
        top = (height - len(digit)) // 2
        window = page[top : top + len(digit), left : left + digit.shape[1]]
        np.maximum(window, digit, out=window)
        left += digit.shape[1] - overlap
    return page


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    """The bytes of an image as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def digits_in(data: bytes) -> list[Digit]:
    """The digits found in the bytes of a file."""
    return find_digits(load_picture(data).grey)


def is_like(pixels: np.ndarray, other: np.ndarray) -> bool:
    """Whether two images show the same digit. A blur evens out softness and shifts by a pixel."""
    soft = [gaussian_filter(each.astype(float), 1.5).ravel() for each in (pixels, other)]
    return np.corrcoef(soft)[0, 1] > 0.85


def classify(pixels: np.ndarray) -> np.ndarray:
    """A classifier by shape. A narrow digit is a 1, a top-heavy one a 7, any other a 4; it is sure of the 1 only."""
    inked = pixels.reshape(-1, 28, 28).astype(np.float64) + 1e-6
    columns = (inked > 100).any(axis=1).sum(axis=1)
    above = inked[:, :14].sum(axis=(1, 2)) > 1.2 * inked[:, 14:].sum(axis=(1, 2))
    first = np.where(columns <= 8, 1, np.where(above, 7, 4))
    sure = np.where(columns <= 8, 0.99, 0.8)
    probabilities = np.repeat((1 - sure)[:, None] / 9, 10, axis=1)
    probabilities[np.arange(len(inked)), first] = sure
    return probabilities.astype(np.float32)

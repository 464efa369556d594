"""Digits are brought into MNIST's convention, and MNIST's own images stay as they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image
from support.drawings import digits_in, encoded, is_like, seven

from digits.pictures.find import find_digits
from digits.pictures.mnist import STROKE_WIDTHS, stroke_width, to_mnist, usual_stroke_width


def found_alone(greys) -> tuple[np.ndarray, float]:
    """The digits of pictures with one digit each (zeros unless exactly one is found), and the share so found."""
    found = [find_digits(grey) for grey in greys]
    pixels = [each[0].pixels if len(each) == 1 else np.zeros((28, 28), np.uint8) for each in found]
    return np.array(pixels), float(np.mean([len(each) == 1 for each in found]))


def mean_difference(pixels: np.ndarray, images: np.ndarray) -> np.ndarray:
    return np.abs(pixels.astype(int) - images).mean(axis=(1, 2))


@pytest.mark.slow
@pytest.mark.parametrize("invert", [False, True])
def test_an_image_in_the_convention_is_almost_unchanged(images, invert):
    found, share = found_alone((255 - image if invert else image) / 255 for image in images)
    assert share >= 0.99
    # On training images 97 % differ by less than 2 of 255 a pixel.
    assert (mean_difference(found, images) < 2).mean() >= 0.95


def test_padding_changes_nothing(images):
    plain, _ = found_alone(image / 255 for image in images[:100])
    padded, _ = found_alone(np.pad(image, ((3, 60), (45, 10))) / 255 for image in images[:100])
    assert (plain == padded).all(axis=(1, 2)).mean() >= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("factor", [2, 3, 5, pytest.param(10, marks=pytest.mark.slow)])
def test_enlarging_by_pixels_is_undone(images, factor):
    found, share = found_alone(np.kron(image, np.ones((factor, factor))) / 255 for image in images[:100])
    assert share >= 0.98
    assert (mean_difference(found, images[:100]) < 2).mean() >= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("resample", [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS])
def test_smooth_enlarging_keeps_the_shape(images, resample):
    large = (np.asarray(Image.fromarray(image).resize((112, 112), resample)) / 255 for image in images[:100])
    found, share = found_alone(large)
    assert share >= 0.98
    assert np.mean([is_like(a, b) for a, b in zip(found, images, strict=False)]) >= 0.96


def test_the_convention(images):
    found, _ = found_alone(np.pad(image, 30) / 255 for image in images[:100])
    rows, columns = (found > 0).any(axis=2).sum(axis=1), (found > 0).any(axis=1).sum(axis=1)
    assert found.dtype == np.uint8
    assert (np.maximum(rows, columns) <= 20).all()
    assert (found.max(axis=(1, 2)) == 255).all()
    at = np.arange(28)
    mass = found.sum(axis=(1, 2))
    for axis in (1, 2):
        centres = (found.sum(axis=3 - axis) * at).sum(axis=1) / mass
        assert (np.abs(centres - 14) <= 0.51).mean() >= 0.99


@settings(max_examples=60, deadline=None)
@given(
    npst.arrays(
        np.float32,
        npst.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=90),
        elements=st.sampled_from([0, 0.03, 0.5, 0.97, 1]),
    )
)
def test_to_mnist_takes_any_ink(ink):
    if ink.max() < 0.5:
        return
    pixels = to_mnist(ink)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (28, 28)
    assert pixels.max() == 255


@pytest.mark.parametrize("width", [1, 3, 60])
def test_thin_and_thick_strokes_come_to_a_usual_width(width):
    (digit,) = digits_in(encoded(seven((280, 360), width=width)))
    rows, columns = np.nonzero(digit.pixels)
    cut = digit.pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert 1 <= stroke_width(cut / 255) <= 6.5
    # In one piece: a thin line must not fall apart into dots.
    assert len(find_digits(digit.pixels / 255)) == 1
    assert (digit.pixels > 100).any(axis=1).sum() >= 18


@pytest.mark.parametrize("width", [10, 24, 80])
def test_the_stroke_width_is_measured_in_pixels_of_the_box(width):
    # The box's longer side has 20 pixels for the bar's 200.
    assert stroke_width(np.ones((200, width))) == pytest.approx(width / 10, rel=0.2 + width / 200)


def test_usual_strokes_are_returned_unchanged():
    ink = np.ones((200, 30))
    assert STROKE_WIDTHS[0] < stroke_width(ink) < STROKE_WIDTHS[1]
    assert usual_stroke_width(ink) is ink
    thin = np.ones((200, 2))
    assert stroke_width(usual_stroke_width(thin)) == pytest.approx(STROKE_WIDTHS[0], rel=0.2)

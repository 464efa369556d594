"""Pictures of any kind give their digits in reading order, as 28×28 images in MNIST's convention."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image
from support.drawings import digits_in, encoded, is_like, seven
from support.long import long_after
from support.scenes import KINDS, photo

from digits.pictures.find import Digit, find_digits

MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I", "F", "I;16"]


@settings(max_examples=60, deadline=None)
@given(
    content=npst.arrays(np.uint8, npst.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=70)),
    mode=st.sampled_from(MODES),
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]),
    zoom=st.sampled_from([1, 1, 3, 9]),
)
def test_any_size_mode_and_content_gives_digits_or_the_named_error(content, mode, kind, zoom):
    image = Image.fromarray(np.kron(content, np.ones((zoom, zoom), np.uint8)))
    try:
        image = image.convert("RGB").convert(mode) if mode not in ("I;16", "LAB", "PA") else image.convert(mode)
    except ValueError:
        image = Image.new(mode, image.size, 5)
    try:
        data = encoded(image, kind)
    except (OSError, ValueError):
        return  # this format cannot hold this mode
    for digit in digits_in(data):
        assert digit.pixels.dtype == np.uint8
        assert digit.pixels.shape == (28, 28)
        left, top, right, bottom = digit.box
        assert 0 <= left < right <= image.width
        assert 0 <= top < bottom <= image.height


def test_boxes_are_those_of_the_ink():
    (digit,) = digits_in(encoded(seven()))
    ink = np.argwhere(np.asarray(seven()) < 128)
    top, left = ink.min(axis=0)
    bottom, right = ink.max(axis=0) + 1
    assert np.abs(np.array(digit.box) - [left, top, right, bottom]).max() <= 1


def test_a_faint_digit_beside_a_dark_one_keeps_its_contrast(expected):
    page = Image.new("L", (400, 260), 255)
    page.paste(seven(), (0, 0))
    page.paste(seven(ink=110), (200, 0))
    dark, faint = digits_in(encoded(page))
    assert is_like(faint.pixels, expected)
    assert faint.pixels.max() == dark.pixels.max() == 255


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_several_digits_are_read_from_left_to_right(images, seed, invert):
    random = np.random.default_rng(seed)
    # Only digits in one piece: what a gap within a digit does is measured over all images in test_mnist.py.
    whole = [image for image in images[:60] if len(find_digits(np.pad(image, 30) / 255)) == 1]
    chosen = [whole[i] for i in random.integers(0, len(whole), 4)]
    page = np.zeros((120, 280), np.uint8)
    for number, image in enumerate(chosen):
        top, left = random.integers(30, 38), 20 + 60 * number + random.integers(0, 20)
        page[top : top + 28, left : left + 28] = image
    found = find_digits((255 - page if invert else page) / 255)
    assert len(found) == 4
    assert all(is_like(digit.pixels, image) for digit, image in zip(found, chosen, strict=True))


# --- Pictures without a digit -------------------------------------------------------------------------------------


@pytest.mark.parametrize("grey", [0.0, 0.4, 1.0])
def test_a_uniform_page_has_no_digit(grey):
    assert find_digits(np.full((300, 400), grey, np.float32)) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_page_of_noise_or_light_has_no_digit(seed):
    random = np.random.default_rng(seed)
    shape = (300, 400)
    light = np.linspace(0.3, 0.9, shape[1]) * np.ones((shape[0], 1))
    assert find_digits(light) == []
    assert find_digits(np.clip(light + random.normal(0, 0.05, shape), 0, 1)) == []
    assert find_digits(random.uniform(0, 1, shape)) == []


# --- Photos -------------------------------------------------------------------------------------------------------


def photographed(image: np.ndarray | None, kind: str, rng: np.random.Generator) -> list[Digit]:
    return digits_in(encoded(photo(image, kind, rng), "JPEG", quality=85))


@pytest.mark.slow
@pytest.mark.parametrize("kind", long_after(3, KINDS))
def test_photos_of_handwriting(kind, mnist_sample):
    # Measured on 60 photos of each kind: all 60 were found alone, and at least 59 were like the original.
    rng = np.random.default_rng(20)
    found = [(photographed(image, kind, rng), image) for image in mnist_sample.x_train[100:110]]
    assert sum(len(digits) == 1 and is_like(digits[0].pixels, image) for digits, image in found) >= 9


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "strongly ruled", "table"])
def test_photos_of_empty_paper_have_no_digit(kind):
    assert not any(photographed(None, kind, np.random.default_rng(seed)) for seed in range(4))

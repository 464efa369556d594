"""Ink is told from paper in any light, and dark ink from light ink."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from support.drawings import is_like, seven

from digits.pictures.find import find_digits
from digits.pictures.ink import ink_is_light, ink_map, noise_level, otsu


def test_polarity_of_real_digits(images):
    assert all(ink_is_light(image / 255) for image in images)
    assert not any(ink_is_light(1 - image / 255) for image in images)


def test_light_and_shadow_do_not_hide_a_digit(expected):
    page = np.full((400, 500), 0.9)
    page[80:340, 150:350][np.asarray(seven()) < 128] = 0.2
    page *= np.linspace(0.5, 1, 500)
    page[:, 330:] *= 0.7
    (digit,) = find_digits(page)
    assert is_like(digit.pixels, expected)


@pytest.mark.parametrize("invert", [False, True])
def test_ink_is_1_and_paper_is_0_in_uneven_light(invert):
    stroke = np.asarray(seven()) < 128
    page = np.where(stroke, 0.3, 0.9) * np.linspace(0.6, 1, stroke.shape[1])
    ink = ink_map(1 - page if invert else page)
    assert ink.dtype == np.float32
    assert ink[stroke].mean() > 0.9
    assert ink[~stroke].max() < 0.1


@pytest.mark.parametrize("contrast", [0.0, 0.05])
def test_faint_differences_are_no_ink(contrast):
    assert not ink_map(np.where(np.asarray(seven()) < 128, 0.9 - contrast, 0.9)).any()


def test_the_noise_level_is_that_of_the_noise_alone():
    random = np.random.default_rng(0)
    page = np.where(np.asarray(seven((400, 520))) < 128, 0.2, 0.8) + np.linspace(0, 0.2, 400)
    assert noise_level(page) < 1e-6
    assert noise_level(page + random.normal(0, 0.03, page.shape)) == pytest.approx(0.03, rel=0.1)


def test_otsu_separates_two_classes():
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(0.2, 0.03, 3000), random.normal(0.7, 0.03, 500)])
    assert (values > otsu(values)).sum() == pytest.approx(500, abs=5)
    assert otsu(np.full(9, 0.4)) == 0.4


def test_a_blurred_digit_that_fills_its_picture_stays_whole(images):
    for image in images[:100]:
        rows, columns = (np.flatnonzero(image.any(axis)) for axis in (1, 0))
        digit = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].repeat(4, axis=0).repeat(4, axis=1) / 255
        soft = np.pad(gaussian_filter(np.pad(digit, 8), 4), 2)
        paper = 0.8 + np.random.default_rng(0).normal(0, 1 / 2000, soft.shape)
        ink = ink_map(paper - 0.5 * soft)
        # The least of these images keeps 0.82 of its strokes.
        assert (ink[soft > 0.5 * soft.max()] > 0.25).mean() > 0.7

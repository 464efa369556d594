"""What each change does to pixels, and that strength 0 does nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from support.changes import ink, rng, seven

from digits.evaluation.changes import CHANGES

ALL = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


IMAGES = arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(5, 30), st.integers(5, 30)))


# The range of each change that params.yaml allows.
RANGES = {
    "shift": st.integers(1, 100),
    "rotation": st.floats(0.01, 180),
    "scale": st.floats(-99, 400),
    "stroke": st.integers(-20, 20),
    "noise": st.floats(0.01, 255),
    "blur": st.floats(0.01, 50),
    "contrast": st.floats(0.01, 100),
    "inversion": st.floats(0.01, 1),
    "occlusion": st.integers(1, 100),
}


@ALL
@given(data=st.data(), images=IMAGES)
@settings(max_examples=25, deadline=None)
def test_any_allowed_strength_gives_images_of_the_same_kind_every_time(change, data, images):
    strength = data.draw(RANGES[change.__name__])
    before = images.copy()
    changed = change(images, strength, rng(1))
    assert (changed.dtype, changed.shape) == (np.uint8, images.shape)
    assert (images == before).all()
    assert (changed == change(images, strength, rng(1))).all()


@ALL
@given(images=IMAGES)
@settings(max_examples=25, deadline=None)
def test_strength_0_changes_no_pixel(change, images):
    assert (change(images, 0, rng()) == images).all()


@ALL
def test_an_empty_array_stays_empty(change):
    none = np.zeros((0, 28, 28), dtype=np.uint8)
    assert change(none, 1, rng()).shape == none.shape


@given(image=arrays(np.uint8, (9, 7)), pixels=st.integers(1, 12), seed=st.integers(0, 99))
def test_shift_moves_by_whole_pixels_and_nothing_comes_back_at_the_other_side(image, pixels, seed):
    (moved,) = CHANGES["shift"](image[None], pixels, rng(seed))
    expected = []
    for down in (-pixels, 0, pixels):
        for right in (-pixels, 0, pixels):
            field = np.zeros((9 + 2 * pixels, 7 + 2 * pixels), dtype=np.uint8)
            field[pixels + down : pixels + down + 9, pixels + right : pixels + right + 7] = image
            expected.append(field[pixels : pixels + 9, pixels : pixels + 7])
    del expected[4]
    assert any((moved == field).all() for field in expected)


def test_shift_goes_in_all_eight_directions():
    dot = np.zeros((400, 11, 11), dtype=np.uint8)
    dot[:, 5, 5] = 255
    _, rows, columns = np.nonzero(CHANGES["shift"](dot, 2, rng()))
    directions, counts = np.unique(np.stack([rows, columns]) - 5, axis=1, return_counts=True)
    assert set(map(tuple, directions.T)) == {(y, x) for y in (-2, 0, 2) for x in (-2, 0, 2)} - {(0, 0)}
    # Each count is binomial(400, 1/8): six standard deviations are 40.
    assert (np.abs(counts - 50) < 40).all()


@given(images=arrays(np.uint8, (2, 12, 12)))
def test_rotation_by_180_degrees_turns_upside_down(images):
    turned = CHANGES["rotation"](images, 180, rng())
    assert (turned == images[:, ::-1, ::-1]).all()


def test_rotation_turns_to_both_sides_by_the_angle():
    bar = np.zeros((60, 41, 41), dtype=np.uint8)
    bar[:, 8:33, 19:22] = 255
    turned = CHANGES["rotation"](bar, 20, rng())
    y, x = np.mgrid[-20:21, -20:21]
    # The bar's direction is the principal axis of its ink.
    weights = turned / turned.sum(axis=(1, 2), keepdims=True)
    xx, yy, xy = ((weights * moment).sum(axis=(1, 2)) for moment in (x * x, y * y, x * y))
    angles = np.rad2deg(np.arctan2(2 * xy, yy - xx) / 2)
    assert np.allclose(np.abs(angles), 20, atol=0.5)
    assert {*np.sign(angles)} == {-1, 1}


@pytest.mark.parametrize("percent", [-50, 50, 100])
def test_scale_changes_both_sides_by_the_percentage(percent):
    square = np.zeros((1, 60, 60), dtype=np.uint8)
    square[0, 20:40, 20:40] = 255
    (scaled,) = CHANGES["scale"](square, percent, rng()) > 127
    side = 20 * (1 + percent / 100)
    assert scaled.any(axis=0).sum() == scaled.any(axis=1).sum() == side
    assert np.allclose(ndimage.center_of_mass(scaled), 29.5)


@pytest.mark.parametrize("pixels", [-2, -1, 1, 2, 3])
def test_stroke_becomes_wider_by_as_many_pixels(pixels):
    bar = np.zeros((1, 30, 30), dtype=np.uint8)
    bar[0, :, 12:17] = 255
    profile = CHANGES["stroke"](bar, pixels, rng())[0, 15] / 255
    assert profile.sum() == pytest.approx(5 + pixels, abs=0.02)


@given(pixels=st.integers(-6, 6))
@settings(deadline=None)
def test_stroke_only_adds_or_only_takes(pixels):
    (before,) = images = seven()[None]
    (after,) = CHANGES["stroke"](images, pixels, rng())
    assert (after >= before).all() if pixels >= 0 else (after <= before).all()


def test_noise_has_the_standard_deviation_that_was_asked_for():
    grey = np.full((20, 50, 50), 128, dtype=np.uint8)
    # 50,000 values: the estimate's standard error is 0.1.
    assert CHANGES["noise"](grey, 20, rng()).std() == pytest.approx(20, abs=0.6)


def test_blur_spreads_the_ink_without_losing_it_and_not_from_image_to_image():
    images = np.stack([seven(60), np.zeros((60, 60), dtype=np.uint8)])
    blurred = CHANGES["blur"](images, 2, rng())
    assert ink(blurred)[0] == pytest.approx(ink(images)[0], rel=0.03)
    assert blurred[0].max() < 255
    assert not blurred[1].any()


@given(images=arrays(np.uint8, (2, 8, 8)), percent=st.floats(0, 100))
def test_contrast_takes_its_share_and_leaves_the_mean(images, percent):
    changed = CHANGES["contrast"](images, percent, rng()).astype(float)
    assert np.allclose(changed.mean(axis=(1, 2)), images.mean(axis=(1, 2)), atol=0.51)
    assert np.allclose(np.ptp(changed, axis=(1, 2)), np.ptp(images, axis=(1, 2)) * (1 - percent / 100), atol=1.01)


@given(images=IMAGES)
def test_inversion_is_its_own_inverse(images):
    inverted = CHANGES["inversion"](images, 1, rng())
    assert (inverted == 255 - images).all()
    assert (CHANGES["inversion"](inverted, 1, rng()) == images).all()


@given(side=st.integers(1, 10), seed=st.integers(0, 99))
def test_occlusion_blackens_one_square_that_always_hits_ink(side, seed):
    images = np.repeat(seven()[None], 5, axis=0)
    occluded = CHANGES["occlusion"](images, side, rng(seed))
    assert (ink(occluded) < ink(images)).all()
    assert ((occluded == images) | (occluded == 0)).all()
    for change in occluded != images:
        rows, columns = np.nonzero(change)
        assert max(np.ptp(rows), np.ptp(columns)) < side
    full = np.full((5, 40, 40), 255, dtype=np.uint8)
    full[:, :10], full[:, 30:], full[:, :, :10], full[:, :, 30:] = 0, 0, 0, 0
    inner = (CHANGES["occlusion"](full, side, rng(seed)) != full).sum(axis=(1, 2))
    assert (inner <= side**2).all()

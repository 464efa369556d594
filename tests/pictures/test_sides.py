"""Models of images of other sides than 28 read pictures in the same way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.changes import EVALUATE, rng
from support.drawings import encoded, is_like, page, seven

from digits.evaluation.perturbation import on_canvas, perturb
from digits.evaluation.robustness import robustness
from digits.pictures.explanation import explanation, occlusion_map, patch_side
from digits.pictures.file import load_picture
from digits.pictures.find import find_digits
from digits.pictures.mnist import BOX, SIDE, box_of, to_mnist
from digits.pictures.read import Reader, predict
from digits.style import style

SIDES = [2, 3, 5, 8, 16, 20, 27, 29, 32, 33, 48, 64]


def resized(images, side):
    how = Image.Resampling.BOX if side < SIDE else Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(image).resize((side, side), how)) for image in images])


def classify_of(side):
    """Takes images of this side alone, as a model does; it always answers 7."""

    def classify(pixels):
        assert pixels.dtype == np.uint8 and pixels.shape[1:] == (side, side)
        return np.eye(10, dtype=np.float32)[np.full(len(pixels), 7)]

    return classify


def test_the_convention_of_28_is_mnists():
    assert (box_of(SIDE), patch_side(SIDE)) == (BOX, 5)
    assert [box_of(side) for side in (14, 32, 56)] == [10, 23, 40]


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 100), st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_any_ink_fits_any_side(side, height, width, seed):
    ink = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    pixels = to_mnist(np.where(ink > 0.6, ink, 0) + 1e-3, side)
    assert pixels.dtype == np.uint8 and pixels.shape == (side, side)
    assert pixels.max() == 255
    rows, columns = ((pixels > 0).any(axis).sum() for axis in (0, 1))
    assert max(rows, columns) <= box_of(side)


@pytest.mark.parametrize("side", [side for side in SIDES if side >= 8])
def test_a_digit_lies_in_the_middle_in_proportion(side):
    (small,) = find_digits(load_picture(encoded(seven())).grey, side)
    (usual,) = find_digits(load_picture(encoded(seven())).grey)
    rows = np.flatnonzero((small.pixels > 0).any(axis=1))
    assert abs(len(rows) - box_of(side)) <= 1 and small.box == usual.box
    mass = small.pixels.sum(axis=1) @ np.arange(side) / small.pixels.sum()
    assert abs(mass - side / 2) <= 0.51
    if side >= 16:
        assert is_like(resized(small.pixels[None], 28)[0], usual.pixels)


@pytest.mark.parametrize("side", [2, 5, 32, 64])
def test_pictures_are_read_and_explained_at_the_models_side(tmp_path, side):
    picture = load_picture(page(tmp_path / "page.png"))
    reader = Reader(classify_of(side), side)
    prediction = predict(picture, reader)
    assert [reading.digit for reading in prediction.readings] == [7, 7]
    assert {reading.pixels.shape for reading in prediction.readings} == {(side, side)}
    with style():
        figure = explanation(picture, prediction, reader)
    seen = [axes.images[0].get_array().shape for axes in figure.axes if "what the model saw" in axes.get_title("left")]
    assert seen == [(side, side)] * 2


@pytest.mark.parametrize("side", [5, 32, 64])
def test_occlusion_finds_where_the_evidence_is(side):
    corner = max(1, 8 * side // 28)

    def by_left_upper_corner(pixels):
        share = 0.1 + 0.8 * (pixels[:, :corner, :corner].astype(float).mean(axis=(1, 2)) / 255)
        return np.stack([1 - share, share], axis=1)

    fall = occlusion_map(by_left_upper_corner, np.full((side, side), 255, np.uint8), digit=1)
    assert fall.shape == (side, side) and np.isfinite(fall).all()
    assert fall[:corner, :corner].min() > 0
    beyond = corner + patch_side(side)
    assert np.abs(fall[beyond:, beyond:]).max(initial=0) == 0


@pytest.mark.slow
@pytest.mark.parametrize("side", [2, 8, 27, 32, 48])
def test_the_table_of_robustness_is_made_at_any_side(mnist_sample, side):
    images = resized(mnist_sample.x_test[:12], side)
    perturbed = perturb(images, mnist_sample.y_test[:12], EVALUATE.robustness)
    table = robustness(classify_of(side), perturbed, EVALUATE.confidence)
    assert len(table) == 52 and table["accuracy"].between(0, 1).all()
    # The enlarged image lies on its canvas whole, wherever that is.
    canvases = on_canvas(np.full((50, side, side), 255, np.uint8), rng())
    assert ((canvases > 0).sum(axis=(1, 2)) == (2 * side) ** 2).all()
    if side >= 8:
        found = [find_digits(canvas.astype(np.float32) / 255, side) for canvas in on_canvas(images, rng())]
        assert np.mean([len(digits) == 1 for digits in found]) > 0.9

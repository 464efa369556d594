"""Test images changed, as whole pictures, and other handwriting; and all of them as a file."""

import os
from dataclasses import fields

import numpy as np
import pytest
from scipy import ndimage
from support.changes import EVALUATE, heavy_above, ink, rng, seven

from digits.errors import DigitsError
from digits.evaluation.changes import CHANGES
from digits.evaluation.perturbation import (
    CLEAN,
    ENLARGEMENT,
    Perturbed,
    enlarged,
    find_single,
    load_perturbed,
    on_canvas,
    other_digits,
    perturb,
    save_perturbed,
)

SETTINGS = EVALUATE.robustness.model_copy(
    update={
        "images": 12,
        "changes": EVALUATE.robustness.changes.model_copy(
            update={name: [] for name in CHANGES if name not in ("shift", "noise")}
        ),
        "pictures": EVALUATE.robustness.pictures.model_copy(
            update={
                "images": 4,
                "changes": EVALUATE.robustness.pictures.changes.model_copy(
                    update={name: [] for name in CHANGES if name != "inversion"}
                ),
            }
        ),
        "load_digits": False,
    }
)


def assert_same(left: list[Perturbed], right: list[Perturbed]) -> None:
    for one, other in zip(left, right, strict=True):
        for field in fields(Perturbed):
            ours, its = getattr(one, field.name), getattr(other, field.name)
            assert type(ours) is type(its)
            np.testing.assert_array_equal(ours, its)


@pytest.fixture(scope="module")
def perturbed(mnist_sample) -> list[Perturbed]:
    return perturb(mnist_sample.x_test, mnist_sample.y_test, SETTINGS)


def test_canvas_holds_the_enlarged_image_whole_wherever_it_lies():
    images = np.repeat(seven()[None], 200, axis=0)
    canvases = on_canvas(images, rng())
    assert canvases.shape == (200, 2 * ENLARGEMENT * 28, 2 * ENLARGEMENT * 28)
    assert (ink(canvases) == ink(canvases)[0]).all()
    assert ink(canvases)[0] == pytest.approx(ENLARGEMENT**2 * ink(images)[0], rel=0.01)
    assert len({ndimage.find_objects((canvas > 0).astype(int))[0][0].start for canvas in canvases}) > 10
    # No rotation turns ink out of the canvas.
    turned = CHANGES["rotation"](canvases, 45, rng())
    assert np.allclose(ink(turned), ink(canvases), rtol=0.02)


def test_a_digit_is_found_in_pictures_with_exactly_one():
    canvas = on_canvas(seven()[None], rng())[0]
    pictures = np.stack([np.hstack([one, two]) for one, two in ((canvas, 0 * canvas), (canvas, canvas))])
    pictures = np.concatenate([pictures, np.zeros_like(pictures[:1]), 255 - pictures[:1]])
    pixels, found = find_single(pictures, 28)
    assert found.tolist() == [True, False, False, True]
    assert (pixels.dtype, pixels.shape) == (np.uint8, (2, 28, 28)) and heavy_above(pixels).argmax(axis=1).tolist() == [
        1,
        1,
    ]
    for few in (pictures[:0], pictures[1:3]):
        pixels, found = find_single(few, 28)
        assert pixels.shape == (0, 28, 28) and not found.any() and len(found) == len(few)


def test_other_digits_are_light_on_dark_and_enlarged_in_the_middle():
    images, labels = other_digits()
    assert (images.dtype, images.shape, images.max()) == (np.uint8, (1797, 8, 8), 255)
    assert np.bincount(labels).min() >= 174
    # The first columns are empty in nearly all: the paper is dark.
    assert images[:, :, 0].mean() < 1 < 100 < images[:, :, 3:5].mean()
    large = enlarged(images, 20, 28)
    assert large.shape == (1797, 28, 28)
    assert not large[:, :4].any()
    assert not large[:, :, 24:].any()
    assert np.corrcoef(ink(large), ink(images))[0, 1] > 0.999


def test_each_strength_has_the_images_that_it_was_drawn_from(perturbed, mnist_sample):
    strengths = {name: many for name, many in SETTINGS.changes if many}
    kinds = [(CLEAN, 0.0), *((name, float(one)) for name, many in strengths.items() for one in many)]
    kinds += [("picture", 0.0), ("picture_inversion", 1.0)]
    assert [(one.perturbation, one.strength) for one in perturbed] == kinds
    clean = perturbed[0]
    assert len(clean.labels) == 12 and clean.found.all()
    # They are test images with their own labels, not always the first ones.
    places = [(mnist_sample.x_test == image).all(axis=(1, 2)).argmax() for image in clean.pixels]
    assert mnist_sample.y_test[places].tolist() == clean.labels.tolist() and places == sorted(places) != list(range(12))
    for one in perturbed:
        assert one.labels.tolist() == clean.labels[one.originals].tolist()
        assert one.pixels.shape == (one.found.sum(), 28, 28) and one.pixels.dtype == np.uint8
        assert len(one.originals) == (4 if one.perturbation.startswith("picture") else 12)
    assert not (perturbed[1].pixels == clean.pixels).all()


def test_it_is_the_same_with_one_process_and_in_any_run(perturbed, mnist_sample, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert_same(perturb(mnist_sample.x_test, mnist_sample.y_test, SETTINGS), perturbed)


def test_another_seed_draws_other_images(perturbed, mnist_sample):
    other = perturb(mnist_sample.x_test, mnist_sample.y_test, SETTINGS.model_copy(update={"seed": SETTINGS.seed + 1}))
    assert not np.array_equal(other[0].pixels, perturbed[0].pixels)


def test_no_picture_and_fewer_images_than_asked_for(mnist_sample):
    pictures = SETTINGS.pictures.model_copy(update={"images": 0})
    settings = SETTINGS.model_copy(update={"images": 1000, "pictures": pictures})
    found = perturb(mnist_sample.x_test[:7], mnist_sample.y_test[:7], settings)
    assert {one.perturbation for one in found} == {CLEAN, "shift", "noise"}
    np.testing.assert_array_equal(found[0].pixels, mnist_sample.x_test[:7])


def test_the_file_gives_back_what_was_written_and_has_the_same_bytes(perturbed, tmp_path):
    for name in "ab":
        save_perturbed(perturbed, tmp_path / f"{name}.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert_same(load_perturbed(tmp_path / "a.npz"), perturbed)


@pytest.mark.parametrize("size", [0, 3, 1000, -100])
def test_a_torn_file_is_one_line(perturbed, tmp_path, size):
    path = tmp_path / "perturbed.npz"
    save_perturbed(perturbed, path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DigitsError, match=r"perturbed.npz cannot be read[^\n]*`dvc repro`[^\n]*$"):
        load_perturbed(path)
    with pytest.raises(DigitsError, match=r"absent.npz is missing"):
        load_perturbed(tmp_path / "absent.npz")

"""Changes of images: what each does to pixels, that strength 0 does nothing, what the table says of a known model."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.text import Text
from scipy import ndimage

from digits import card, plots
from digits.params import load_params
from digits.robustness import (
    CHANGES,
    CLEAN,
    ENLARGEMENT,
    enlarged,
    mean_accuracy,
    on_canvas,
    other_digits,
    read_pictures,
    robustness,
    worst,
)
from digits.statistics import wilson_interval

PARAMS = load_params(Path(__file__).parent.parent / "params.yaml").evaluate
ALL = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
IMAGES = arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(5, 30), st.integers(5, 30)))
# Of each change, the range that params.yaml allows.
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


def rng(seed=0):
    return np.random.default_rng(seed)


def seven(side=28):
    """A 7 with strokes 3 pixels wide in the middle of the image."""
    image = np.zeros((side, side), dtype=np.uint8)
    top, left = side // 2 - 9, side // 2 - 6
    image[top : top + 3, left : left + 12] = 255
    image[top : top + 18, left + 9 : left + 12] = 255
    return image


def ink(images):
    return images.astype(np.int64).sum(axis=(1, 2))


# The changes.


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
def test_no_image_is_no_problem(change):
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
def test_rotation_by_180_degrees_turns_upside_down_and_twice_is_nothing(images):
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


# Whole pictures.


def test_canvas_holds_the_enlarged_image_whole_wherever_it_lies():
    images = np.repeat(seven()[None], 200, axis=0)
    canvases = on_canvas(images, rng())
    assert canvases.shape == (200, 2 * ENLARGEMENT * 28, 2 * ENLARGEMENT * 28)
    assert (ink(canvases) == ink(canvases)[0]).all()
    assert ink(canvases)[0] == pytest.approx(ENLARGEMENT**2 * ink(images)[0], rel=0.01)
    assert len({ndimage.find_objects((canvas > 0).astype(int))[0][0].start for canvas in canvases}) > 10
    # Turned by whatever angle, no ink leaves the canvas.
    turned = CHANGES["rotation"](canvases, 45, rng())
    assert np.allclose(ink(turned), ink(canvases), rtol=0.02)


def heavy_above(pixels):
    """A real if simple classifier of two classes: 1 has more ink above than below, 0 has not."""
    above = pixels[:, :14].sum(axis=(1, 2), dtype=np.int64) > pixels[:, 14:].sum(axis=(1, 2), dtype=np.int64)
    return np.stack([~above, above], axis=1).astype(np.float32)


def test_pictures_without_exactly_one_digit_count_as_unread():
    canvas = on_canvas(seven()[None], rng())[0]
    pictures = np.stack([np.hstack([one, two]) for one, two in ((canvas, 0 * canvas), (canvas, canvas))])
    pictures = np.concatenate([pictures, np.zeros_like(pictures[:1]), 255 - pictures[:1]])
    assert read_pictures(heavy_above, pictures).tolist() == [1, -1, -1, 1]
    assert read_pictures(heavy_above, pictures[:0]).tolist() == []


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


# The table.


@pytest.fixture(scope="module")
def table():
    images = np.concatenate([np.repeat(seven()[None], 30, axis=0), np.repeat(seven()[None, ::-1], 30, axis=0)])
    labels = np.repeat([1, 0], 30)
    pictures = PARAMS.robustness.pictures.model_copy(update={"images": 6})
    settings = PARAMS.robustness.model_copy(update={"images": 40, "pictures": pictures})
    params = PARAMS.model_copy(update={"robustness": settings})
    return robustness(heavy_above, images, labels, params), lambda: robustness(heavy_above, images, labels, params)


def test_table_has_a_row_for_each_strength_and_is_the_same_every_time(table):
    table, again = table
    expected = [(CLEAN, 0)]
    expected += [(name, strength) for name, strengths in PARAMS.robustness.changes for strength in strengths]
    expected += [("picture", 0)]
    expected += [(f"picture_{n}", strength) for n, many in PARAMS.robustness.pictures.changes for strength in many]
    expected += [("load_digits", 0), ("load_digits_picture", 0)]
    assert list(zip(table["perturbation"], table["strength"], strict=True)) == expected
    assert again().to_csv() == table.to_csv()


def test_table_says_what_is_known_of_the_model(table):
    rows = table[0].set_index(["perturbation", "strength"])
    assert rows.loc[(CLEAN, 0), ["n", "accuracy", "drop"]].tolist() == [40, 1, 0]
    # It compares ink above with ink below, which neither size, contrast nor noise turns round, but inversion does.
    for harmless in (("scale", -20), ("contrast", 50), ("picture", 0), ("picture_inversion", 1)):
        assert rows.loc[harmless, "accuracy"] == 1
    assert rows.loc[("inversion", 1), "accuracy"] == 0
    assert rows.loc[("inversion", 1), "drop"] == 1
    low, high = wilson_interval(0, 40, PARAMS.confidence)
    assert rows.loc[("inversion", 1), ["low", "high"]].tolist() == [round(low, 6), round(high, 6)]
    assert rows.loc[("load_digits", 0), "n"] == 1797


def test_each_change_keeps_its_rows_when_others_are_left_out(table):
    table, _ = table
    images = np.concatenate([np.repeat(seven()[None], 30, axis=0), np.repeat(seven()[None, ::-1], 30, axis=0)])
    none = PARAMS.robustness.changes.model_copy(update={name: [] for name in CHANGES if name != "occlusion"})
    pictures = PARAMS.robustness.pictures.model_copy(update={"images": 0})
    settings = {"images": 40, "changes": none, "pictures": pictures, "load_digits": False}
    params = PARAMS.model_copy(update={"robustness": PARAMS.robustness.model_copy(update=settings)})
    alone = robustness(heavy_above, images, np.repeat([1, 0], 30), params)
    same = table[table["perturbation"].isin([CLEAN, "occlusion"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same)


def test_means_and_worst_rows(table):
    table, _ = table
    means, rows = mean_accuracy(table), worst(table)
    assert list(means) == [CLEAN, *rows["perturbation"]] == list(dict.fromkeys(table["perturbation"]))
    for name, part in table.groupby("perturbation"):
        assert means[name] == pytest.approx(part["accuracy"].mean(), abs=1e-6)
        if name != CLEAN:
            assert rows.set_index("perturbation").loc[name, "accuracy"] == part["accuracy"].min()


# What is made of it.


def texts(figure):
    figure.draw_without_rendering()
    return {text.get_text() for axes in figure.axes for text in axes.findobj(Text)}


def test_figure_has_a_panel_a_change_with_every_strength(table):
    table, _ = table
    figure = plots.robustness_figure(table, 2)
    panels = {axes.get_title("left"): axes for axes in figure.findobj(plots.Axes) if axes.get_title("left")}
    assert list(panels)[:9] == [name.capitalize() for name in CHANGES]
    for name, strengths in PARAMS.robustness.changes:
        drawn = panels[name.capitalize()].containers[0].lines[0].get_xydata()
        part = table[table["perturbation"] == name]
        expected = [(0, 1), *zip(part["strength"], part["accuracy"], strict=True)]
        assert drawn.tolist() == [list(point) for point in sorted(expected)]
        assert len(drawn) == len(strengths) + 1


@pytest.mark.parametrize("kept", [["shift"], ["picture"], ["shift", "load_digits"], []])
def test_figure_of_a_part_of_the_table(table, kept):
    table, _ = table
    part = table[table["perturbation"].isin([CLEAN, *kept])]
    figure = plots.robustness_figure(part, 10)
    assert any("2 px" in text or "picture" in text or "Shift" in text for text in texts(figure)) == bool(kept)


def test_model_card_tells_the_worst_or_that_nothing_is_known(table):
    table, _ = table
    scores = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}
    numbers = dict.fromkeys(("accuracy", "accuracy_low", "accuracy_high", "macro_f1", "loss", "calibration_error"), 0.5)
    facts = {
        **dict.fromkeys(("name", "version", "run_id", "run_name", "data_name", "data_licence", "libraries"), "x"),
        "metrics": {"n": 1, **numbers, "per_class": {"0": scores}},
        "training": {"reason": "x", "weights": 1},
        "params": {"preprocess.split": "stratified", "preprocess.seed": 1},
        "tags": dict.fromkeys(("data_digest", "test_sha256", "model_sha256"), "x"),
        "sizes": {"train": 1, "validation": 1, "test": 1},
        "side": 28,
        "class_names": ["0"],
        "confidence": "95%",
    }
    known, unknown = card.model_card(**facts, robustness=table), card.model_card(**facts)
    assert "| inversion | 1 | 40 | 0.0 % | 0.0 to 8.8 % |" in known
    assert "say nothing" not in known
    assert "They say nothing about pictures that were shifted, rotated or noisy." in unknown
    assert "robustness" not in unknown

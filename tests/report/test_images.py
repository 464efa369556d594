import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.figures import FASHION, LONG, overhang, overlapping, png, texts

from digits.report.images import (
    confident_mistakes,
    first_image_figure,
    mistakes_figure,
    sample_rows,
    samples_figure,
)


@pytest.mark.slow
@pytest.mark.parametrize("names", [list("0123456789"), FASHION, LONG], ids=["digits", "fashion", "long"])
def test_nothing_reaches_beyond_the_canvas(images, predictions, names):
    assert overhang(first_image_figure(images[0], names[-1])) <= 0
    assert overhang(samples_figure(images, predictions["actual"].to_numpy(), names, 4)) <= 0
    assert overhang(mistakes_figure(images, predictions, names, 7)) <= 0


@pytest.mark.parametrize("names", [["$a$ _^{}", "M" * 16], [" ", "Ankle boot, worn"]])
def test_any_class_names_fit_as_they_are(names):
    frame = pd.DataFrame({"image": range(4), "actual": [0, 0, 1, 1], "predicted": [1, 0, 0, 0], "probability": 0.9})
    pixels = np.zeros((4, 28, 28), np.uint8)
    figure = samples_figure(pixels, frame["actual"].to_numpy(), names, 3)
    assert overhang(figure) <= 0
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == names
    figure = mistakes_figure(pixels, frame, names, 6)
    assert overhang(figure) <= 0
    assert overlapping([axes.title for axes in figure.axes]) == []


@pytest.mark.slow
def test_many_classes_fit(images):
    names = [f"class {i}" for i in range(256)]
    figure = samples_figure(images, np.arange(3000) % 256, names, 1)
    assert overhang(figure) <= 0
    assert max(figure.get_size_inches()) < 50


@pytest.mark.slow
def test_first_image_shows_every_value_in_its_cell(images):
    figure = first_image_figure(images[5], "Ankle boot")
    png(figure)
    picture, matrix = figure.axes
    assert (np.asarray(picture.images[0].get_array()) == images[5]).all()
    shown = {(int(text.get_position()[1]), int(text.get_position()[0])): text for text in matrix.texts}
    assert {cell: int(text.get_text()) for cell, text in shown.items()} == dict(np.ndenumerate(images[5]))
    width = matrix.get_window_extent().width / 28
    assert max(text.get_window_extent().width for text in matrix.texts) < 0.95 * width
    assert "Ankle boot" in figure.get_suptitle()


@settings(deadline=None)
@given(labels=st.lists(st.integers(0, 4), max_size=60), per_class=st.integers(1, 5))
def test_sample_rows_are_the_first_of_each_class(labels, per_class):
    rows = sample_rows(np.array(labels, dtype=int), 5, per_class)
    for label, found in enumerate(rows):
        assert list(found) == [row for row, other in enumerate(labels) if other == label][:per_class]


def test_samples_stand_in_the_row_of_their_class(images):
    labels = np.array([2, 0, 2, 1])
    canvas = np.asarray(samples_figure(images, labels, ["a", "b", "c"], 2).axes[0].images[0].get_array())
    assert (canvas[60:88, :28] == images[0]).all()
    assert (canvas[60:88, 30:58] == images[2]).all()
    assert (canvas[:28, :28] == images[1]).all()
    assert np.ma.getmaskarray(samples_figure(images, labels, ["a", "b", "c"], 2).axes[0].images[0].get_array())[
        :28, 30:
    ].all()


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([0.3, 0.5, 0.9, 1.0])), min_size=1, max_size=40
    ),
    count=st.integers(1, 20),
)
def test_confident_mistakes_are_the_surest_wrong_ones(rows, count):
    frame = pd.DataFrame(rows, columns=["actual", "predicted", "probability"])
    frame.insert(0, "image", range(len(frame)))
    found = confident_mistakes(frame, count)
    wrong = [(-p, i) for i, (a, b, p) in enumerate(rows) if a != b]
    assert list(found["image"]) == [i for _, i in sorted(wrong)[:count]]


def test_mistakes_are_labelled(images, predictions):
    figure = mistakes_figure(images, predictions, FASHION, 7)
    expected = confident_mistakes(predictions, 7)
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 7
    for axes, row in zip(shown, expected.itertuples(), strict=True):
        assert (np.asarray(axes.images[0].get_array()) == images[row.image]).all()
        assert axes.get_title() == f"true {FASHION[row.actual]}\npredicted {FASHION[row.predicted]}"
        assert axes.get_xlabel() == f"{100 * row.probability:.2f} %\nimage {row.image}"


@pytest.mark.parametrize("wrong", [0, 1, 3])
def test_fewer_mistakes_than_asked_for(images, wrong):
    frame = pd.DataFrame({"image": range(5), "actual": 0, "predicted": [1] * wrong + [0] * (5 - wrong)})
    frame["probability"] = 0.7
    figure = mistakes_figure(images, frame, ["a", "b"], 25)
    assert overhang(figure) <= 0
    assert sum(bool(axes.images) for axes in figure.axes) == wrong
    assert any("None: all 5 test images" in text for text in texts(figure)) == (wrong == 0)


def test_classes_without_images_have_no_row(images):
    labels = np.array([3, 1, 3, 1])
    figure = samples_figure(images, labels, ["dummy", "a", "none", "b", "last"], 2)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]
    assert png(figure) == png(samples_figure(images, np.array([1, 0, 1, 0]), ["a", "b"], 2))


def test_of_a_large_image_the_middle_is_shown_in_numbers():
    image = np.arange(100 * 100, dtype=np.uint32).reshape(100, 100).astype(np.uint8)
    figure = first_image_figure(image, "5")
    assert max(figure.get_size_inches()) < 50
    picture, matrix = figure.axes
    assert picture.images[0].get_array().shape == (100, 100)
    assert matrix.get_title(loc="left") == "As numbers: the middle 56×56 of 100×100 unsigned bytes"
    assert matrix.texts[0].get_text() == str(image[22, 22]) and len(matrix.texts) == 56 * 56
    assert matrix.get_yticklabels()[0].get_text() == "22"

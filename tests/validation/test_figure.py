"""The page of pictures: what it states and what it draws."""

import numpy as np
import pytest
from support.figures import FASHION, LONG, overhang, overlapping
from support.scikit_digits import section, with_twin_blanks

from digits.data.raw import Split
from digits.validation.features import class_frame, class_means
from digits.validation.figure import validation_figure


def draw(splits, outcome, names=tuple("0123456789")):
    tables, checks, _ = outcome
    frames = {table.name: table.frame for table in tables}
    return validation_figure(
        images={name: frames[f"{name} images"] for name in splits},
        classes={name: frames[f"{name} classes"] for name in splits},
        means={name: class_means(split, 10) for name, split in splits.items()},
        tolerance=section().class_tolerance,
        checks=checks,
        names=names,
    )


@pytest.fixture(scope="module")
def figure(data, passed):
    return draw(data, passed)


def test_the_title_states_the_outcome(figure, data, failed):
    assert figure.get_suptitle() == "Raw data: all 38 expectations hold"
    bad = draw(with_twin_blanks(data), failed)
    assert bad.get_suptitle() == "Raw data: 6 of 38 expectations FAILED"


def test_the_bars_are_the_shares_of_the_classes(figure, data):
    balance = figure.axes[0]
    heights = [bar.get_height() for bar in balance.patches]
    expected = [np.bincount(split.labels) / len(split.labels) for split in data.values()]
    np.testing.assert_allclose(heights, np.concatenate(expected))
    counts = [text.get_text() for text in balance.texts]
    assert counts == [str(count) for split in data.values() for count in np.bincount(split.labels)]


def test_the_histograms_hold_all_images(figure):
    for axes in figure.axes[1:3]:
        assert len(axes.patches) == 2
        for outline in axes.patches:
            # The outline goes up and down once a bin, and each image counts once.
            assert outline.get_xy()[1:-1:2, 1].sum() == pytest.approx(1)


def test_every_class_is_drawn_as_its_mean(figure, data):
    pictures = [axes.images[0].get_array() for axes in figure.axes[3:]]
    expected = np.concatenate([class_means(split, 10) for split in data.values()])
    np.testing.assert_allclose(pictures, expected)


@pytest.mark.slow
@pytest.mark.parametrize("names", [FASHION, LONG], ids=["fashion", "long"])
def test_classes_have_their_names(data, passed, names):
    figure = draw(data, passed, names)
    assert overhang(figure) <= 0
    balance, *others = figure.axes
    ticks = [label.get_text() for label in balance.get_xticklabels()]
    assert ticks[:9] == names[:9] and ticks[9].startswith("Ankle boot")
    titles = [axes.title for axes in others[2:12]]
    assert [title.get_text() for title in titles[:2]] == ["T-shirt/top", "Trouser"]
    assert overlapping(titles) == []


@pytest.mark.slow
@pytest.mark.parametrize("count", [17, 47, 256])
def test_many_classes_fill_a_sheet_and_those_without_images_leave_a_gap(data, passed, count):
    splits = {name: Split(split.images, split.labels) for name, split in data.items()}
    frames = {table.name: table.frame for table in passed[0]}
    shares = [0.1] * 10 + [0.0] * (count - 10)
    figure = validation_figure(
        images={name: frames[f"{name} images"] for name in splits},
        classes={name: class_frame(split.labels, shares) for name, split in splits.items()},
        means={name: class_means(split, count) for name, split in splits.items()},
        tolerance=0.05,
        checks=passed[1],
        names=[f"class {label}" for label in range(count)],
    )
    assert overhang(figure) <= 0
    balance, *_ = figure.axes
    assert balance.get_ylim()[0] == 0 and len(balance.get_xticks()) <= 50
    sheets = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(sheets) == 2
    for sheet, split in zip(sheets, splits.values(), strict=True):
        means = class_means(split, count)
        np.testing.assert_allclose(sheet[:28, 31 : 31 + 28], means[1])
        assert np.ma.getmaskarray(sheet)[:28, 31 * 11 : 31 * 11 + 28].all()

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix
from support.figures import FASHION, LONG, overhang, per_class, png

from digits.report.classes import confusion_figure, per_class_figure


@pytest.mark.slow
@pytest.mark.parametrize("names", [list("0123456789"), FASHION, LONG], ids=["digits", "fashion", "long"])
def test_nothing_reaches_beyond_the_canvas(predictions, names):
    assert overhang(confusion_figure(predictions["actual"].to_numpy(), predictions["predicted"].to_numpy(), names)) <= 0
    assert overhang(per_class_figure(per_class(predictions, names), 0.9)) <= 0


@pytest.mark.parametrize("names", [["$a$ _^{}", "M" * 16], [" ", "Ankle boot, worn"]])
def test_any_class_names_fit_as_they_are(names):
    figure = confusion_figure(np.array([0, 0, 1, 1]), np.array([1, 0, 0, 0]), names)
    assert overhang(figure) <= 0
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == names


def test_many_classes_fit():
    names = [f"class {i}" for i in range(256)]
    labels = np.arange(3000) % 256
    assert max(confusion_figure(labels, labels, names).get_size_inches()) < 50


def test_confusion_counts_agree_with_scikit_learn(predictions):
    actual, predicted = predictions["actual"].to_numpy(), predictions["predicted"].to_numpy()
    figure = confusion_figure(actual, predicted, FASHION)
    expected = confusion_matrix(actual, predicted)
    shown = np.zeros_like(expected)
    for text in figure.axes[0].texts:
        column, row = text.get_position()
        shown[row, column] = int(text.get_text().replace(",", ""))
    assert (shown == expected).all()
    right = np.trace(expected)
    assert f"{right:,} of 3,000 right, {3000 - right:,} wrong" in figure.get_suptitle()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == FASHION


def test_confusion_rates_are_percent_of_the_actual_class(predictions):
    actual, predicted = predictions["actual"].to_numpy(), predictions["predicted"].to_numpy()
    figure = confusion_figure(actual, predicted, FASHION, rates=True)
    expected = 100 * confusion_matrix(actual, predicted, normalize="true")
    shown = np.zeros_like(expected)
    for text in figure.axes[0].texts:
        column, row = text.get_position()
        shown[row, column] = float(text.get_text())
    np.testing.assert_allclose(shown, expected, atol=0.05)
    assert overhang(figure) <= 0 and "in % of their class" in figure.get_suptitle()
    (alone,) = confusion_figure(np.zeros(3, int), np.zeros(3, int), ["a"], rates=True).axes[0].texts
    assert alone.get_text() == "100"


def test_confusion_one_in_a_thousand_stands_out():
    # 999 right, 1 wrong, and beside it 990 right, 10 wrong.
    actual = np.repeat([0, 1], 1000)
    predicted = np.concatenate([np.repeat([0, 1], [999, 1]), np.repeat([1, 0], [990, 10])])
    image = confusion_figure(actual, predicted, ["a", "b"]).axes[0].images[0]
    rare, common, none = (
        np.array(image.cmap(image.norm(np.ma.masked_equal([share], 0))))[0, :3] for share in (0.001, 0.01, 0)
    )
    assert np.linalg.norm(rare - 1) > 0.5
    assert np.linalg.norm(rare - common) > 0.5
    assert np.allclose(none, 0) or np.allclose(none, 1)


def test_per_class_scores_are_all_on_the_axis(predictions):
    scores = per_class(predictions, FASHION)
    figure = per_class_figure(scores, 0.9712)
    png(figure)
    axes = figure.axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    left, right = axes.get_xlim()
    for key, label in (("precision", "precision"), ("recall", "recall"), ("f1", "F1")):
        values = list(lines[label].get_xdata())
        assert values == [row[key] for row in scores.values()]
        assert left < min(values) <= max(values) < right
    assert f"starts at {left:.3f}, not at 0" in axes.get_xlabel()
    assert "macro F1 0.9712" in lines
    assert [label.get_text() for label in axes.get_yticklabels()] == FASHION
    numbers = [text.get_text() for text in axes.child_axes[0].get_yticklabels()]
    assert numbers == [f"{row['f1']:.4f}  ({row['support']:,.0f})" for row in scores.values()]


def test_classes_without_images_are_left_out(predictions):
    names = ["dummy", *FASHION, "last"]
    actual, predicted = (predictions[column].to_numpy() + 1 for column in ("actual", "predicted"))
    figure = confusion_figure(actual, predicted, names)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == FASHION
    plain = confusion_figure(actual - 1, predicted - 1, FASHION)
    assert png(figure) == png(plain)
    # An answer that is wrong for every image is a column all the same.
    predicted = np.where(np.arange(len(predicted)) == 0, 11, predicted)
    figure = confusion_figure(actual, predicted, names)
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == [*FASHION, "last"]

    scores = per_class(predictions, FASHION)
    absent = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert png(per_class_figure({"dummy": absent, **scores}, 0.9)) == png(per_class_figure(scores, 0.9))

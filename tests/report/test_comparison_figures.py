import base64

import numpy as np
from sklearn.metrics import confusion_matrix
from support.figures import overhang, texts
from support.models import ALL, BETTER, FIRST, NAMES, WORSE, changed

from digits.evaluation.comparison import compare
from digits.report.comparison_figures import (
    confusion_difference_figure,
    differences_figure,
    histories_figure,
    look,
    svg_uri,
)


def test_curves_are_those_of_each_model():
    longer = changed(BETTER, history=BETTER.history.assign(val_loss=[0.3, 0.2, 0.1]))
    figure = histories_figure(compare([FIRST, longer]).entries, "loss", "Loss")
    (axes,) = figure.axes
    drawn = [list(line.get_ydata()) for line in axes.lines]
    assert drawn == [list(model.history[key]) for model in (FIRST, longer) for key in ("val_loss", "loss")]
    assert axes.get_ylabel() == "Loss"
    assert overhang(figure) <= 0


def test_many_models_look_different():
    assert len({look(i) for i in range(40)}) == 40
    colours, markers = zip(*map(look, range(7)), strict=True)
    assert len(set(colours)) == 7 and len(set(markers)) == 1


def test_differences_stand_where_the_table_says():
    paired = [entry for entry in compare(ALL).entries if entry.paired]
    figure = differences_figure(paired)
    (axes,) = figure.axes
    for row, (entry, drawn) in enumerate(zip(paired, axes.containers, strict=True)):
        point, _, (interval,) = drawn.lines
        assert point.get_xydata().tolist() == [[100 * entry.paired.difference, row]]
        ends = interval.get_segments()[0][:, 0]
        assert np.allclose(ends, [100 * entry.paired.low, 100 * entry.paired.high])
    assert [text.get_text() for text in axes.texts] == ["better", "no evidence", "worse"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["better", "alike", "worse"]


def test_confusion_difference_is_that_of_the_matrices_and_blue_is_better():
    base, entry = compare([FIRST, WORSE]).entries
    figure = confusion_difference_figure(base, entry, NAMES)
    matrices = [
        confusion_matrix(model.predictions["actual"], model.predictions["predicted"]) for model in (WORSE, FIRST)
    ]
    change = matrices[0] - matrices[1]
    axes = figure.axes[0]
    shown = {text.get_position()[::-1]: int(text.get_text()) for text in axes.texts}
    assert shown == {place: value for place, value in np.ndenumerate(change) if value}
    # The second model has fewer on the diagonal and more elsewhere: each change is orange.
    image = axes.images[0]
    red, _, blue = np.moveaxis(image.cmap(image.norm(image.get_array())), 2, 0)[:3]
    assert (red > blue)[change != 0].all()
    assert "Predicted class" in texts(figure)


def test_the_same_figure_has_the_same_bytes():
    first, again = (svg_uri(histories_figure(compare(ALL).entries, "accuracy", "Accuracy")) for _ in range(2))
    assert first == again
    kind, _, content = first.partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert b"<svg" in base64.b64decode(content)
    assert b"<dc:date>" not in base64.b64decode(content)

import pandas as pd
import pytest
from matplotlib.axes import Axes
from support.changes import EVALUATE, table_of_heavy_above
from support.figures import overlapping, texts

from digits.evaluation.changes import CHANGES
from digits.evaluation.perturbation import CLEAN
from digits.report.robustness import robustness_figure, words


@pytest.fixture(scope="module")
def table():
    return table_of_heavy_above()


def test_figure_has_a_panel_a_change_with_every_strength(table):
    figure = robustness_figure(table, 2)
    panels = {axes.get_title("left"): axes for axes in figure.findobj(Axes) if axes.get_title("left")}
    assert list(panels)[:9] == [name.capitalize() for name in CHANGES]
    for name, strengths in EVALUATE.robustness.changes:
        drawn = panels[name.capitalize()].containers[0].lines[0].get_xydata()
        part = table[table["perturbation"] == name]
        expected = [(0, 1), *zip(part["strength"], part["accuracy"], strict=True)]
        assert drawn.tolist() == [list(point) for point in sorted(expected)]
        assert len(drawn) == len(strengths) + 1


@pytest.mark.parametrize("kept", [["shift"], ["picture"], ["shift", "load_digits"], []])
def test_figure_of_a_part_of_the_table(table, kept):
    part = table[table["perturbation"].isin([CLEAN, *kept])]
    figure = robustness_figure(part, 10)
    figure.draw_without_rendering()
    assert any("2 px" in text or "picture" in text or "Shift" in text for text in texts(figure)) == bool(kept)


def test_labels_of_near_strengths_do_not_touch():
    strengths = [-40, -20, -10, 0, 10, 20, 40]
    rows = [(CLEAN, 0.0), *(("scale", strength) for strength in strengths if strength)]
    part = pd.DataFrame(rows, columns=["perturbation", "strength"]).assign(n=9, accuracy=0.5, low=0.4, high=0.6)
    figure = robustness_figure(part, 10)
    figure.draw_without_rendering()
    (axes,) = [axes for axes in figure.findobj(Axes) if axes.get_title("left") == "Scale"]
    labels = axes.get_xticklabels()
    assert [label.get_text() for label in labels] == ["-40", "-20", "", "0", "", "20", "40"]
    assert overlapping(labels) == []


def test_a_row_of_the_table_has_words():
    rows = [
        ("none", 0, "unchanged"),
        ("rotation", 30, "turned by 30°"),
        ("inversion", 1, "dark and light swapped"),
        ("picture", 0, "picture, unchanged"),
        ("picture_scale", -50, "picture, size -50 %"),
        ("load_digits", 0, "load_digits, enlarged"),
        ("load_digits_picture", 0, "load_digits, found as in a picture"),
    ]
    for perturbation, strength, text in rows:
        assert words(perturbation, strength) == text

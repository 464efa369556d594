"""The page of a search."""

import re

import numpy as np
import pytest

from digits.report.search_page import (
    TrialRow,
    frontier,
    importance_figure,
    parallel_figure,
    search_page,
    time_figure,
)


def row(number, accuracy, seconds, stopped=False, **settings):
    values = {"train.learning_rate": 0.001 * number, "train.batch_size": 32, "train.optimizer": "adam"} | settings
    return TrialRow(number, values, accuracy, seconds, 3, "stopped early" if stopped else "finished", stopped)


ROWS = [row(1, 0.91, 30.0), row(2, 0.95, 20.0), row(3, 0.93, 10.0, True, **{"train.optimizer": "sgd"})]


def test_the_frontier_has_what_no_other_beats():
    assert [one.number for one in frontier(ROWS)] == [3, 2]
    assert frontier(ROWS[:1]) == ROWS[:1]


def test_the_page_has_all_of_it_and_loads_nothing():
    page = search_page("rate", ROWS, {"train.learning_rate": 0.8, "train.batch_size": 0.2}, set(), "the table")
    assert page == search_page("rate", ROWS, {"train.learning_rate": 0.8, "train.batch_size": 0.2}, set(), "the table")
    assert "3 trainings, 1 of them stopped early" in page
    assert "<pre>the table</pre>" in page
    assert page.count("<img") == 3
    assert re.findall(r'scope="row">(\d)', page) == ["2", "3", "1"]
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page)
    assert search_page("rate", ROWS, {}, set(), "").count("<img") == 2


def test_each_training_has_its_line_and_point():
    figure = parallel_figure(ROWS, {"train.learning_rate"})
    (axes,) = figure.axes
    lines = [line for line in axes.lines if len(line.get_xdata()) == 4]
    assert len(lines) == 3
    assert [label.get_text() for label in axes.get_xticklabels()][:3] == ["learning_rate", "batch_size", "optimizer"]
    # On a logarithmic axis, 2 lies at log 2 / log 3 between 1 and 3; the order is that of the accuracies.
    np.testing.assert_allclose([line.get_ydata()[0] for line in lines], [0, 1, np.log(2) / np.log(3)], atol=1e-9)
    points = [len(found.get_offsets()) for found in time_figure(ROWS).axes[0].collections]
    assert points == [2, 1]


@pytest.mark.parametrize("count", [1, 5])
def test_bars_are_sorted(count):
    shares = {f"train.key{at}": at / 10 for at in range(count)}
    (axes,) = importance_figure(shares).axes
    assert [round(bar.get_width()) for bar in axes.patches] == [10 * at for at in range(count)]

import numpy as np
import pytest
from support.figures import overhang

from digits.report.risk_coverage import risk_coverage_figure


@pytest.mark.parametrize("threshold", [None, 0.9, 1.0])
def test_nothing_reaches_beyond_the_canvas(predictions, threshold):
    correct = (predictions["actual"] == predictions["predicted"]).to_numpy()
    assert overhang(risk_coverage_figure(predictions["probability"].to_numpy(), correct, threshold)) <= 0


def test_the_threshold_says_what_it_accepts():
    # Of ten answers eight are accepted, two of them wrong.
    probability = np.array([0.99] * 4 + [0.9] * 4 + [0.5] * 2)
    correct = np.array([True] * 3 + [False] + [True] * 3 + [False] * 3)
    figure = risk_coverage_figure(probability, correct, 0.9)
    (axes,) = figure.axes
    curve, mark = axes.lines
    assert curve.get_xydata().tolist() == pytest.approx(np.array([[40, 25], [80, 25], [100, 40]]))
    assert mark.get_label() == "not sure below 0.9000: 80.00 % accepted, 25.00 % of them wrong"
    assert axes.get_xlim() == (20, 100) and "10 test images" in figure.get_suptitle()

import numpy as np
from support.figures import overhang

from digits.report.reliability import reliability_figure


def test_nothing_reaches_beyond_the_canvas(predictions):
    correct = (predictions["actual"] == predictions["predicted"]).to_numpy()
    assert overhang(reliability_figure(predictions["probability"].to_numpy(), correct, 15)) <= 0


def test_reliability_states_the_calibration_error():
    # Bin (0.4, 0.6]: 4 images at 0.5, 1 right: gap 0.25. Bin (0.8, 1]: 6 at 0.9, all right: gap 0.1.
    probability = np.array([0.5] * 4 + [0.9] * 6)
    correct = np.array([True] + [False] * 3 + [True] * 6)
    figure = reliability_figure(probability, correct, 5)
    assert "0.1600, 10 test images" in figure.get_suptitle()
    assert [text.get_text() for text in figure.axes[1].texts] == ["4", "6"]
    assert "5 bins" in figure.axes[1].get_xlabel()
    assert overhang(figure) <= 0

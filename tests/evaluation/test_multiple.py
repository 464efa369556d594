"""The correction of p-values."""

import gc

import pytest

from digits.evaluation.multiple import holm


def test_it_is_holms():
    # The smallest times 4, the next times 3, and so on; none is smaller than the one before, none above 1.
    assert holm([0.01, 0.04, 0.03, 0.6]).tolist() == pytest.approx([0.04, 0.09, 0.09, 0.6])
    assert holm([0.5, 0.4]).tolist() == pytest.approx([0.8, 0.8])
    assert holm([0.2]).tolist() == [0.2]


def test_what_is_imported_is_not_searched_for_garbage():
    """statsmodels searches after each correction. With all libraries imported, that took a third of a second."""
    searched = []

    def watch(phase, info):
        if phase == "start" and info["generation"] == 2:
            searched.append(len(gc.get_objects()))

    everything = len(gc.get_objects())
    gc.callbacks.append(watch)
    try:
        holm([0.01, 0.04])
    finally:
        gc.callbacks.remove(watch)
    assert searched and max(searched) < everything / 2

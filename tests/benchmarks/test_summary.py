import numpy as np
import pytest

from benchmarks.summary import mean, ratio, spread


def test_the_median_and_its_quartiles():
    assert spread([5, 1, 3, 2, 4]) == {"n": 5, "median": 3, "q1": 2, "q3": 4, "min": 1, "max": 5}


def test_a_mean_has_students_interval():
    # t with 4 degrees of freedom is 2.776 at 97.5 %.
    found = mean([1, 2, 3, 4, 5])
    reach = 2.776445 * np.sqrt(2.5) / np.sqrt(5)
    assert found["mean"] == 3
    assert found["sd"] == pytest.approx(np.sqrt(2.5), rel=1e-5)
    assert (found["low"], found["high"]) == pytest.approx((3 - reach, 3 + reach), rel=1e-5)
    assert mean([7]) == {"n": 1, "mean": 7}


def test_a_ratio_is_taken_round_by_round():
    assert ratio([2, 6, 8], [1, 2, 1])["median"] == 3

"""Results as the files of reports/ have them."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digits.evaluation.rounding import DECIMALS, rounded


@given(st.floats(0, 1))
def test_a_share_moves_by_half_a_decimal_at_most_and_then_stays(share):
    result = rounded(share)
    assert abs(result - share) <= 0.5 * 10**-DECIMALS + 1e-15
    assert rounded(result) == result == float(f"{result:.{DECIMALS}f}")


def test_one_image_of_ten_thousand_is_seen():
    assert rounded(9907 / 10_000) != rounded(9908 / 10_000)


def test_the_order_of_a_sum_is_not_seen():
    shares = [0.1, 0.2, 0.3]
    assert sum(shares) != sum(reversed(shares)) and rounded(sum(shares)) == rounded(sum(reversed(shares)))


def test_a_number_of_numpy_can_be_written_as_json():
    assert json.dumps(rounded(np.float32(0.1))) == "0.1"

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scoring import ANY_JSON, BLANK, LEAF, MALFORMED, altered

from digits.serving.http import RequestError
from digits.serving.pixels import parse_pixels, what_to_send


@pytest.mark.slow
@given(st.integers(1, 3), st.sampled_from(["inputs", "instances"]), st.randoms(use_true_random=False))
def test_pixels_come_out_as_they_went_in(n, key, random):
    images = [[[random.randrange(256) for _ in range(28)] for _ in range(28)] for _ in range(n)]
    pixels = parse_pixels(json.dumps({key: images}).encode())
    assert pixels.dtype == np.uint8
    assert pixels.tolist() == images


@given(st.binary(max_size=200) | ANY_JSON.map(lambda v: json.dumps(v).encode()))
def test_any_other_body_is_refused(body):
    with pytest.raises(RequestError, match=r"send \{\"inputs\": \[image, …\]\}") as caught:
        parse_pixels(body)
    assert caught.value.status == 400
    assert "\n" not in str(caught.value)


@given(LEAF, st.integers(0, 27), st.integers(0, 27))
def test_one_bad_pixel_is_found_and_named(value, row, column):
    body = json.dumps({"inputs": [BLANK, altered(value, row, column)]}).encode()
    with pytest.raises(RequestError) as caught:
        parse_pixels(body)
    # NaN and infinity are no JSON to begin with; an integer beyond 64 bits may be read as a float, a wrong one too.
    if not re.search(rb"NaN|Infinity", body) and b"not valid JSON" not in str(caught.value).encode():
        assert f"Image 1, row {row}, column {column} is" in str(caught.value)


def test_scaled_pixels_are_recognised():
    with pytest.raises(RequestError, match=r"is 0\.498: pixels must not be scaled to 0…1: send"):
        parse_pixels(json.dumps({"inputs": [altered(0.498)]}).encode())
    with pytest.raises(RequestError, match=r"column 5 is 1\.0: pixels must not be scaled"):
        parse_pixels(json.dumps({"inputs": [altered(1.0)]}).encode())
    # Pixels as floats are wrong in another way.
    image = altered(254.0)
    image[0][0] = 0.0
    with pytest.raises(RequestError, match=r"row 0, column 0 is 0\.0: send"):
        parse_pixels(json.dumps({"inputs": [image]}).encode())


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_bodies_are_refused_in_one_short_sentence(body):
    with pytest.raises(RequestError) as caught:
        parse_pixels(body)
    assert len(str(caught.value)) < 300


def test_another_size_is_named_in_the_refusal():
    image = [[0] * 14 for _ in range(14)]
    assert parse_pixels(json.dumps({"inputs": [image]}).encode(), side=14).shape == (1, 14, 14)
    assert what_to_send(14).endswith("each image 14 rows of 14 integers from 0 (paper) to 255 (ink)")
    with pytest.raises(RequestError, match=r"Image 0 has 28 rows where 14 rows are expected: send .* 14 rows of 14"):
        parse_pixels(json.dumps({"inputs": [BLANK]}).encode(), side=14)

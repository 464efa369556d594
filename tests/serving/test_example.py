"""The example is a request that the server of the model accepts."""

import numpy as np
import pytest
from PIL import Image
from support.drawings import is_like

from digits.serving.example import SEVEN, example
from digits.serving.pixels import parse_pixels


@pytest.mark.parametrize("side", [2, 8, 20, 28, 29, 32, 64])
def test_it_has_the_side_of_the_model(side):
    pixels = parse_pixels(example(side), side)
    assert pixels.shape == (1, side, side) and pixels.any()
    if side >= 20:
        again = np.asarray(Image.fromarray(pixels[0]).resize((28, 28), Image.Resampling.BILINEAR))
        assert is_like(again, parse_pixels(SEVEN.read_bytes())[0])


def test_that_of_28_is_the_file():
    assert example(28) == SEVEN.read_bytes()

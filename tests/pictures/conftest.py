"""Fixtures of the tests of the pictures."""

import numpy as np
import pytest
from support.drawings import digits_in, encoded, page, seven

from digits.pictures.file import Picture, load_picture


@pytest.fixture(scope="session")
def images(mnist_sample) -> np.ndarray:
    """400 test images of MNIST, uint8 (400, 28, 28)."""
    return mnist_sample.x_test


@pytest.fixture(scope="session")
def expected() -> np.ndarray:
    """The 28×28 of `seven()`."""
    (digit,) = digits_in(encoded(seven()))
    return digit.pixels


@pytest.fixture
def picture(tmp_path) -> Picture:
    """The page with a 1 and a 7."""
    return load_picture(page(tmp_path / "page.png"))

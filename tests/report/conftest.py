"""Images and predictions that several figures are drawn from."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def predictions():
    rng = np.random.default_rng(1)
    actual = rng.integers(0, 10, 3000)
    predicted = np.where(rng.random(3000) < 0.97, actual, rng.integers(0, 10, 3000))
    probability = rng.uniform(0.3, 1, 3000)
    return pd.DataFrame(
        {"image": range(3000), "actual": actual, "predicted": predicted, "probability": probability},
    )


@pytest.fixture(scope="session")
def images():
    return np.random.default_rng(2).integers(0, 256, (3000, 28, 28), dtype=np.uint8)

"""TensorFlow, whose import takes seconds, and images to train on."""

import numpy as np
import pytest


@pytest.fixture(scope="module", autouse=True)
def tensorflow():
    from digits.model.runtime import use_tensorflow

    use_tensorflow()


@pytest.fixture(scope="module")
def data(mnist_sample):
    """Training and validation parts: 200 and 100 images, labels one-hot."""
    one_hot = np.eye(10, dtype=np.float32)[mnist_sample.y_train]
    return [(mnist_sample.x_train[part], one_hot[part]) for part in (slice(200), slice(200, 300))]

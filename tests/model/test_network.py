import numpy as np
import pytest
from support.tiny import TINY

from digits.model.network import build_model
from digits.params import ModelParams

pytestmark = pytest.mark.slow


def test_the_network_of_the_seed():
    seed = ModelParams(
        filters=[32, 64], kernel_size=3, pool_size=2, conv_dropout=0.5, dense_units=128, dense_dropout=0.5
    )
    model = build_model(seed, 10)
    assert model.count_params() == 225_034
    kinds = [type(layer).__name__ for layer in model.layers]
    block = ["Conv2D", "MaxPooling2D"]
    assert kinds == ["Rescaling", "Reshape", *block, *block, "Flatten", "Dropout", "Dense", "Dropout", "Dense"]


def test_raw_pixels_in_probabilities_out(mnist_sample):
    model = build_model(TINY, 10)
    probabilities = np.asarray(model(mnist_sample.x_test[:50]))
    assert probabilities.shape == (50, 10) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    # The first layers are the seed's scaling and channel axis.
    inner = np.asarray(model.layers[1](model.layers[0](mnist_sample.x_test[:1])))
    np.testing.assert_allclose(inner, mnist_sample.x_test[:1, :, :, None] / 255, rtol=1e-6)


@pytest.mark.parametrize(("classes", "side", "filters"), [(26, 28, [4, 4]), (2, 14, [3]), (10, 64, [2, 2, 2])])
def test_other_classes_and_sizes(classes, side, filters):
    model = build_model(TINY.model_copy(update={"filters": filters}), classes, side)
    assert np.asarray(model(np.zeros((2, side, side), np.uint8))).shape == (2, classes)

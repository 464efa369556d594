import numpy as np
import pytest

from digits.errors import DigitsError
from digits.model.classifier import Classifier, median_latency_ms
from digits.model.keras_file import load_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def classifier(small_model):
    return Classifier(small_model)


def test_probabilities_are_those_of_the_model(classifier, small_model, mnist_sample):
    probabilities = classifier(mnist_sample.x_test)
    assert probabilities.dtype == np.float32 and probabilities.shape == (400, 10)
    np.testing.assert_allclose(probabilities, np.asarray(load_model(small_model)(mnist_sample.x_test)), atol=1e-6)
    assert (probabilities.argmax(axis=1) == mnist_sample.y_test).mean() > 0.9


@pytest.mark.parametrize("batch_size", [1, 7, 400, 1000])
def test_every_batch_size_gives_all_images_in_order(classifier, mnist_sample, batch_size):
    images = mnist_sample.x_test[:20]
    np.testing.assert_allclose(classifier(images, batch_size), classifier(images), atol=1e-6)


def test_no_image_gives_no_row(classifier):
    assert classifier(np.zeros((0, 28, 28), np.uint8)).shape == (0, 10)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((1, 28, 28)), np.zeros((1, 28, 27), np.uint8), np.zeros((28, 28), np.uint8)],
    ids=["floats", "another size", "one image without its axis"],
)
def test_anything_but_raw_pixels_is_refused(classifier, pixels):
    with pytest.raises(DigitsError, match=r"raw pixels must be uint8 \(n, 28, 28\), not "):
        classifier(pixels)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DigitsError, match=r"absent.keras is missing"):
        Classifier(tmp_path / "absent.keras")


def test_each_classifier_gets_a_latency(classifier):
    first, second = median_latency_ms([classifier, classifier], rounds=20)
    assert 0 < first < 1000 and 0 < second < 1000
    # The same classifier twice: turns make their times alike.
    assert 0.2 < first / second < 5

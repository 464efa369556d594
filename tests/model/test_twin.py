"""The twin of a model: its bytes, whose it is, and how far both answer alike."""

import numpy as np
import pytest
from support.tiny import TINY, fit_tiny

from digits import paths
from digits.errors import DigitsError
from digits.files import sha256_file
from digits.model.classifier import KerasClassifier, TwinClassifier, load_classifier
from digits.model.keras_file import load_model, save_model
from digits.model.twin import agreement, origin, save_twin, twin_beside

pytestmark = pytest.mark.slow

NETWORKS = {
    "of the seed's kind": {},
    "normalised, with residuals": {"batch_norm": True, "residual": 1, "padding": "same", "head": "average"},
    "strided, without a hidden layer": {"strides": 2, "pool_size": 1, "kernel_size": 5, "dense_units": 0},
}


@pytest.fixture
def pair(small_model, tmp_path):
    """Copies of a model's file and of its twin, to play with."""
    for file in (small_model, small_model.with_name(paths.TWIN.name)):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path / "model.keras", tmp_path / "model.tflite"


@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS)
def test_a_trained_network_and_its_twin_answer_alike(data, tmp_path, mnist_sample, changes):
    model, *_ = fit_tiny(data, epochs=1, model=TINY.model_copy(update=changes))
    save_twin(model, tmp_path / "model.tflite", "its hash")
    answers = KerasClassifier(model), TwinClassifier(tmp_path / "model.tflite")
    assert (answers[1].side, answers[1].classes) == (28, 10)
    found = agreement(*answers, [mnist_sample.x_test, mnist_sample.x_train[:100]])
    assert found["images"] == found["same_class"] == 500 and found["max_difference"] < 1e-5


def test_the_same_model_gives_the_same_bytes(pair, tmp_path):
    file, twin = pair
    for name in ("again.tflite", "and-again.tflite"):
        save_twin(load_model(file), tmp_path / name, sha256_file(file))
        assert (tmp_path / name).read_bytes() == twin.read_bytes()
    # Nothing is left of the export.
    assert {path.suffix for path in tmp_path.iterdir()} == {".keras", ".tflite"}


def test_a_twin_names_its_model(pair):
    file, twin = pair
    assert origin(twin) == sha256_file(file) and twin_beside(file) == twin
    assert isinstance(load_classifier(file), TwinClassifier)
    assert isinstance(load_classifier(file, allow_twin=False), KerasClassifier)


def test_the_twin_of_another_model_is_not_taken(pair, mnist_sample):
    file, twin = pair
    model = load_model(file)
    model.set_weights([0.5 * weights for weights in model.get_weights()])
    save_model(model, file)
    assert twin_beside(file) is None
    np.testing.assert_allclose(
        load_classifier(file)(mnist_sample.x_test[:5]), model(mnist_sample.x_test[:5]), atol=1e-6
    )
    save_twin(model, twin, sha256_file(file))
    assert twin_beside(file) == twin


@pytest.mark.parametrize("size", [0, 4, 8, 9, 40, 200, 20_000])
def test_a_torn_twin_is_not_taken(pair, size):
    file, twin = pair
    twin.write_bytes(twin.read_bytes()[:size])
    assert origin(twin) == "" and twin_beside(file) is None
    assert isinstance(load_classifier(file), KerasClassifier)


@pytest.mark.parametrize("content", [b"", b"text", b"\0\0\0\0TFL3", b"\x08\0\0\0TFL3" + bytes(100)], ids=repr)
def test_a_file_that_is_no_twin_names_no_model(tmp_path, content):
    (tmp_path / "model.tflite").write_bytes(content)
    assert origin(tmp_path / "model.tflite") == ""


def test_a_twin_that_lost_its_end_is_one_line(pair):
    """It still says whose twin it is."""
    file, twin = pair
    twin.write_bytes(twin.read_bytes()[:-1])
    assert twin_beside(file) == twin
    with pytest.raises(DigitsError, match=r"model.tflite is not a LiteRT model: [^\n]+$"):
        load_classifier(file)


def answering(*rows):
    return lambda images: np.array(rows, np.float32)[images]


def test_agreement_counts_images_classes_and_the_largest_difference():
    ours = answering([0.9, 0.1], [0.6, 0.4], [0.2, 0.8])
    its = answering([0.9, 0.1], [0.45, 0.55], [0.2, 0.8])
    found = agreement(ours, its, [np.array([0, 2]), np.array([1, 1, 2])])
    assert found == {"images": 5, "same_class": 3, "max_difference": 0.15}
    assert agreement(ours, ours, [np.arange(3)]) == {"images": 3, "same_class": 3, "max_difference": 0.0}

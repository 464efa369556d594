"""The network, its file and its fitting, on the sample of MNIST. TensorFlow's import alone takes seconds."""

import json
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from digits.errors import DigitsError
from digits.files import sha256_file
from digits.params import load_params

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PARAMS = load_params(ROOT / "params.yaml").train
TINY = PARAMS.model.model_copy(update={"filters": [4], "dense_units": 8, "conv_dropout": 0.2, "dense_dropout": 0.2})


@pytest.fixture(scope="module", autouse=True)
def tensorflow():
    from digits.tensorflow_setup import use_tensorflow

    use_tensorflow()


@pytest.fixture(scope="module")
def data(mnist_sample):
    """Training and validation parts: 200 and 100 images, labels one-hot."""
    one_hot = np.eye(10, dtype=np.float32)[mnist_sample.y_train]
    return [(mnist_sample.x_train[part], one_hot[part]) for part in (slice(200), slice(200, 300))]


def params(monitor="accuracy", threshold=2.0, mode="max", **changes):
    stop = PARAMS.stop.model_copy(update={"monitor": monitor, "threshold": threshold, "mode": mode})
    return PARAMS.model_copy(update={"epochs": 3, "batch_size": 50, "learning_rate": 0.01, "stop": stop, **changes})


def fit(data, *args, **kwargs):
    import keras

    from digits.model import build_model
    from digits.training import fit

    keras.utils.set_random_seed(1)
    epochs = []
    model = build_model(TINY, 10)
    training = fit(model, *data, params(*args, **kwargs), lambda epoch, logs: epochs.append((epoch, dict(logs))))
    return model, training, epochs


def test_the_default_network_is_the_seeds():
    from digits.model import build_model

    model = build_model(PARAMS.model, 10)
    assert model.count_params() == 225_034
    kinds = [type(layer).__name__ for layer in model.layers]
    block = ["Conv2D", "MaxPooling2D"]
    assert kinds == ["Rescaling", "Reshape", *block, *block, "Flatten", "Dropout", "Dense", "Dropout", "Dense"]


def test_raw_pixels_in_probabilities_out(mnist_sample):
    from digits.model import build_model

    model = build_model(TINY, 10)
    probabilities = np.asarray(model(mnist_sample.x_test[:50]))
    assert probabilities.shape == (50, 10) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    # The first layers are the seed's scaling and channel axis.
    inner = np.asarray(model.layers[1](model.layers[0](mnist_sample.x_test[:1])))
    np.testing.assert_allclose(inner, mnist_sample.x_test[:1, :, :, None] / 255, rtol=1e-6)


@pytest.mark.parametrize(("classes", "side", "filters"), [(26, 28, [4, 4]), (2, 14, [3]), (10, 64, [2, 2, 2])])
def test_other_classes_and_sizes(classes, side, filters):
    from digits.model import build_model

    model = build_model(TINY.model_copy(update={"filters": filters}), classes, side)
    assert np.asarray(model(np.zeros((2, side, side), np.uint8))).shape == (2, classes)


def test_the_same_weights_are_the_same_bytes_and_load_in_safe_mode(tmp_path, data, mnist_sample):
    from digits.model import load_model, save_model

    model, *_ = fit(data, epochs=1)
    for name in "ab":
        save_model(model, tmp_path / f"{name}.keras")
    assert sha256_file(tmp_path / "a.keras") == sha256_file(tmp_path / "b.keras")
    again = load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(np.asarray(again(mnist_sample.x_test)), np.asarray(model(mnist_sample.x_test)))
    # Fit to go on with: the optimiser's state is there.
    assert again.optimizer.iterations.numpy() == model.optimizer.iterations.numpy() == 4
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert archive.testzip() is None
        assert "1980" in json.loads(archive.read("metadata.json"))["date_saved"]


@pytest.mark.parametrize("content", [b"", b"not a zip", "truncated", "lambda"], ids=str)
def test_files_that_are_no_safe_model_are_refused(tmp_path, content):
    import keras

    from digits.model import build_model, load_model, save_model

    path = tmp_path / "model.keras"
    if content == "lambda":
        # Python code within a model's file.
        keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1)]).save(path)
    elif content == "truncated":
        save_model(build_model(TINY, 10), path)
        path.write_bytes(path.read_bytes()[:-200])
    else:
        path.write_bytes(content)
    with pytest.raises(DigitsError, match=r"model.keras is not a Keras model that can be loaded in safe mode"):
        load_model(path)
    with pytest.raises(DigitsError, match=r"absent.keras is missing"):
        load_model(tmp_path / "absent.keras")


def run_callback(monitor, threshold, mode, values):
    """The epoch (from 1) at which the callback stops a model whose metric takes these values; None if never."""
    from types import SimpleNamespace

    from digits.training import MetricThreshold

    callback = MetricThreshold(monitor, threshold, mode)
    callback.set_model(SimpleNamespace(stop_training=False))
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {monitor: value})
        if callback.model.stop_training:
            return epoch + 1, callback.reason
    return None, callback.reason


def test_the_seeds_history_stops_at_its_seventh_epoch():
    values = [0.9023, 0.9626, 0.9712, 0.9743, 0.9774, 0.9798, 0.9805]
    assert run_callback("accuracy", 0.98, "max", values) == (7, "accuracy 0.9805 > 0.98 after epoch 7")


@pytest.mark.parametrize(
    ("mode", "values", "epoch"),
    [
        ("max", [0.4, 0.5, 0.5], None),  # equality is not enough
        ("max", [0.4, 0.51, 0.4], 2),
        ("min", [0.6, 0.5, 0.5], None),
        ("min", [0.6, 0.49, 0.6], 2),
        ("max", [0.4, float("nan"), 0.6], 3),
        ("max", [], None),
    ],
)
def test_the_first_epoch_beyond_the_threshold_ends_training(mode, values, epoch):
    assert run_callback("val_loss", 0.5, mode, values)[0] == epoch


def test_training_is_stopped_by_the_callback(data):
    _, training, epochs = fit(data, "val_loss", 100.0, "min")
    assert training.stopped and len(training.history) == 1
    value = training.history["val_loss"].iloc[0]
    assert training.reason == f"val_loss {value:.4f} < 100.0 after epoch 1"
    assert [epoch for epoch, _ in epochs] == [1]


def test_history_has_one_row_per_epoch(data):
    _, training, epochs = fit(data)
    assert not training.stopped and "all 3 epochs done" in training.reason
    assert training.history["epoch"].tolist() == [1, 2, 3] == [epoch for epoch, _ in epochs]
    assert sorted(training.history) == ["accuracy", "epoch", "loss", "val_accuracy", "val_loss"]
    np.testing.assert_allclose(training.history["loss"], [logs["loss"] for _, logs in epochs], atol=1e-6)
    # It learns: chance is 0.1 and ln 10.
    assert training.history["loss"].iloc[-1] < training.history["loss"].iloc[0] < 3


def test_an_unknown_monitor_lists_those_that_exist(data):
    with pytest.raises(DigitsError, match=r"train.stop.monitor = acc: .* accuracy, loss, val_accuracy, val_loss$"):
        fit(data, "acc")


def test_a_loss_that_is_no_number_is_an_error(data):
    images, labels = data[0]
    broken = labels.copy()
    broken[3] = np.nan
    with pytest.raises(DigitsError, match=r"not a number any more with train.learning_rate = 0.01: try a smaller"):
        fit([(images, broken), data[1]])


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "nadam", "rmsprop", "sgd"])
def test_every_optimizer_takes_the_learning_rate(data, optimizer):
    model, *_ = fit(data, optimizer=optimizer, epochs=1, learning_rate=0.003)
    assert type(model.optimizer).__name__.lower() == optimizer
    assert float(model.optimizer.learning_rate) == pytest.approx(0.003)


def test_the_same_seed_gives_the_same_bytes_in_another_process(tmp_path):
    """Data of its own making: what matters is shuffling, dropout and weights."""
    code = """
import sys
import numpy as np
from digits.tensorflow_setup import use_tensorflow
use_tensorflow(threads=1, seed=int(sys.argv[2]))
from digits.model import build_model, save_model
from digits.params import load_params
from digits.training import fit
params = load_params().train
params = params.model_copy(update={"epochs": 1, "model": params.model.model_copy(update={"filters": [4]})})
rng = np.random.default_rng(0)
data = rng.integers(0, 256, (128, 28, 28), np.uint8), np.eye(10, dtype=np.float32)[rng.integers(0, 10, 128)]
model = build_model(params.model, 10)
fit(model, data, data, params, lambda *_: None)
save_model(model, sys.argv[1])
"""
    hashes = []
    for seed in (5, 5, 6):
        path = tmp_path / "model.keras"
        command = [sys.executable, "-c", code, str(path), str(seed)]
        env = {**os.environ, "PYTHONHASHSEED": str(seed), "ONEDNN_VERBOSE": "1"}
        del env["ONEDNN_MAX_CPU_ISA"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
        # Whatever this processor has, its kernels are those that other processors have, too.
        assert platform.machine() != "x86_64" or "onednn_verbose" in done.stdout
        assert "avx512" not in done.stdout.lower()
        hashes.append(sha256_file(path))
    assert hashes[0] == hashes[1] != hashes[2]

import json
import zipfile

import numpy as np
import pytest
from support.tiny import TINY, fit_tiny

from digits.errors import DigitsError
from digits.files import sha256_file
from digits.model.keras_file import load_model, save_model
from digits.model.network import build_model

pytestmark = pytest.mark.slow


def test_the_same_weights_are_the_same_bytes_and_load_in_safe_mode(tmp_path, data, mnist_sample):
    model, *_ = fit_tiny(data, epochs=1)
    for name in "ab":
        save_model(model, tmp_path / f"{name}.keras")
    assert sha256_file(tmp_path / "a.keras") == sha256_file(tmp_path / "b.keras")
    again = load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(np.asarray(again(mnist_sample.x_test)), np.asarray(model(mnist_sample.x_test)))
    # The file has the state of the optimiser, so that training can go on.
    assert again.optimizer.iterations.numpy() == model.optimizer.iterations.numpy() == 4
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert archive.testzip() is None
        assert "1980" in json.loads(archive.read("metadata.json"))["date_saved"]


@pytest.mark.parametrize("content", [b"", b"not a zip", "truncated", "lambda"], ids=str)
def test_files_that_are_no_safe_model_are_refused(tmp_path, content):
    import keras

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

import subprocess
import sys
import threading

import numpy as np
import pytest
from support.project import ROOT

from digits.errors import DigitsError
from digits.model.classifier import KerasClassifier, TwinClassifier, load_classifier, median_latency_ms, twin_classifier
from digits.model.keras_file import load_model

pytestmark = pytest.mark.slow

KINDS = {"twin": TwinClassifier, "keras": KerasClassifier}


@pytest.fixture(scope="module", params=KINDS)
def classifier(request, small_model):
    found = load_classifier(small_model, allow_twin=request.param == "twin")
    assert type(found) is KINDS[request.param]
    return found


@pytest.fixture(scope="module")
def twin(small_model):
    return TwinClassifier(small_model.with_name("model.tflite"))


def test_probabilities_are_those_of_the_model(classifier, small_model, mnist_sample):
    probabilities = classifier(mnist_sample.x_test)
    assert probabilities.dtype == np.float32 and probabilities.shape == (400, 10)
    np.testing.assert_allclose(probabilities, np.asarray(load_model(small_model)(mnist_sample.x_test)), atol=1e-6)
    assert (probabilities.argmax(axis=1) == mnist_sample.y_test).mean() > 0.9


@pytest.mark.parametrize("batch_size", [1, 7, 400, 1000])
def test_every_batch_size_gives_all_images_in_order(classifier, mnist_sample, batch_size):
    images = mnist_sample.x_test[:20]
    np.testing.assert_allclose(classifier(images, batch_size), classifier(images), atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("batch_size", [1, 7, 64, 500])
def test_a_twin_gives_the_same_bits_for_any_batch_size_and_number_of_threads(
    small_model, mnist_sample, twin, threads, batch_size
):
    other = TwinClassifier(small_model.with_name("model.tflite"), threads)
    np.testing.assert_array_equal(other(mnist_sample.x_test, batch_size), twin(mnist_sample.x_test))


def test_threads_share_a_twin(twin, mnist_sample):
    """Each asks for batches of another size, so that a shared interpreter would mix their images up."""
    expected = twin(mnist_sample.x_test)
    begin, wrong = threading.Barrier(4), []

    def ask(batch_size):
        begin.wait(timeout=60)
        for _ in range(20):
            if not np.array_equal(twin(mnist_sample.x_test, batch_size), expected):
                wrong.append(batch_size)

    askers = [threading.Thread(target=ask, args=(batch_size,)) for batch_size in (1, 50, 99, 400)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert wrong == []


def test_answers_are_not_overwritten_by_the_next(classifier, mnist_sample):
    first = classifier(mnist_sample.x_test[:1])
    kept = first.copy()
    classifier(mnist_sample.x_test[1:2])
    np.testing.assert_array_equal(first, kept)


def test_images_may_lie_anywhere_in_memory(classifier, mnist_sample):
    images = mnist_sample.x_test[:9]
    np.testing.assert_array_equal(classifier(images[::-2]), classifier(images[::-2].copy()))
    mirrored = images.transpose(0, 2, 1)
    np.testing.assert_array_equal(classifier(mirrored), classifier(np.ascontiguousarray(mirrored)))


def test_no_image_gives_no_row(classifier):
    answer = classifier(np.zeros((0, 28, 28), np.uint8))
    assert answer.shape == (0, 10) and answer.dtype == np.float32


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((1, 28, 28)), np.zeros((1, 28, 27), np.uint8), np.zeros((28, 28), np.uint8), np.zeros(0, np.uint8)],
    ids=["floats", "another size", "one image without its axis", "no images at all"],
)
def test_anything_but_raw_pixels_is_refused(classifier, pixels):
    with pytest.raises(DigitsError, match=r"raw pixels must be uint8 \(n, 28, 28\), not "):
        classifier(pixels)


@pytest.mark.parametrize("load", [load_classifier, TwinClassifier])
def test_a_missing_file_is_named(tmp_path, load):
    with pytest.raises(DigitsError, match=r"absent is missing"):
        load(tmp_path / "absent")


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\x1c\0\0\0TFL3", bytes(1000)], ids=["empty", "text", "head", "zeros"]
)
def test_a_file_that_is_no_model_is_one_line(tmp_path, content, capfd):
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(DigitsError, match=r"model.tflite is not a LiteRT model: [^\n]+$"):
        TwinClassifier(tmp_path / "model.tflite")
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(DigitsError, match=r"model.keras is not a Keras model that can be loaded in safe mode: "):
        load_classifier(tmp_path / "model.keras")
    assert capfd.readouterr().err == ""


def test_a_twin_is_asked_for_and_no_other_file_will_do(small_model, tmp_path, mnist_sample, twin):
    for file in (small_model, small_model.with_name("model.tflite")):
        with pytest.raises(DigitsError, match=f"{file.name} is missing"):
            twin_classifier(tmp_path / "model.keras", threads=1)
        (tmp_path / file.name).write_bytes(file.read_bytes())
    images = mnist_sample.x_test[:3]
    np.testing.assert_array_equal(twin_classifier(tmp_path / "model.keras", threads=1)(images), twin(images))
    (tmp_path / "model.keras").write_bytes(b"another model")
    with pytest.raises(DigitsError, match=r"model.tflite is not the twin of .*model.keras: run `dvc repro`"):
        twin_classifier(tmp_path / "model.keras", threads=1)


def test_each_classifier_gets_a_latency(classifier):
    first, second = median_latency_ms([classifier, classifier], rounds=20)
    assert 0 < first < 1000 and 0 < second < 1000
    # The same classifier twice: turns make their times alike.
    assert 0.2 < first / second < 5


def test_a_twin_starts_without_a_word_and_without_tensorflow(small_model):
    code = f"""
import sys
from pathlib import Path
import numpy as np
from digits.model.classifier import load_classifier
print(load_classifier(Path({str(small_model)!r}))(np.zeros((2, 28, 28), np.uint8)).shape)
print(sorted({{"tensorflow", "keras", "mlflow", "pandas"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("(2, 10)\n[]\n", "")

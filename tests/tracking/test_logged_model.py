"""The model in MLflow: the file byte for byte, and all that its loader and its server need."""

import json
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest

from digits import dvc, paths
from digits.data.dataset import Dataset
from digits.files import sha256_file
from digits.tracking.logged_model import FILE, libraries, log_datasets

pytestmark = pytest.mark.slow


def test_versions_are_those_of_this_environment():
    found = libraries()
    assert set(found) == {"tensorflow", "keras", "numpy"}
    assert found["keras"] == version("keras") and found["numpy"] == version("numpy")
    # Under a name that any machine can install, whichever build this one has.
    import tensorflow

    assert found["tensorflow"] == tensorflow.__version__


@pytest.fixture
def logged(store):
    """The logged model of version 3, and its folder."""
    run = store.client.get_run(store.registry.version("3").run_id)
    model = store.client.get_logged_model(run.data.tags["model_id"])
    model.folder = Path(urlparse(model.artifact_location).path)
    return model


def test_the_file_is_the_one_of_the_training(logged):
    assert sha256_file(logged.folder / FILE) == sha256_file(paths.MODEL) == logged.tags["model_sha256"]
    assert logged.status == "READY" and logged.params["train.epochs"] == "3"
    # Keras' own save, stamped with the time, is not there as well.
    assert [path.name for path in logged.folder.rglob("*.keras")] == [FILE]


def test_mlflows_loader_gives_the_same_answers(logged):
    import mlflow

    from digits.model.classifier import load_classifier

    images = np.asarray(Dataset(paths.PROCESSED).arrays("test")[0][:50])
    loaded = mlflow.pyfunc.load_model(f"models:/{logged.model_id}")
    answers, expected = loaded.predict(images), load_classifier(paths.MODEL)(images, 50)
    assert answers.shape == (50, 10) and np.abs(answers - expected).max() < 1e-6
    example = Dataset(paths.PROCESSED).arrays("validation")[0][:2]
    assert np.array_equal(loaded.input_example["pixels"], example)


def test_another_type_or_shape_of_pixels_is_refused(logged):
    import mlflow

    loaded = mlflow.pyfunc.load_model(f"models:/{logged.model_id}")
    (inputs,), (outputs,) = loaded.metadata.signature.inputs, loaded.metadata.signature.outputs
    assert (inputs.name, inputs.type, inputs.shape) == ("pixels", np.dtype("uint8"), (-1, 28, 28))
    assert (outputs.type, outputs.shape) == (np.dtype("float32"), (-1, 10))
    for wrong in (np.zeros((1, 28, 28), np.float32), np.zeros((1, 27, 28), np.uint8)):
        with pytest.raises(mlflow.exceptions.MlflowException):
            loaded.predict(wrong)


def test_requirements_name_what_a_machine_installs(logged):
    lines = (logged.folder / "requirements.txt").read_text().splitlines()
    assert {f"{name}=={number}" for name, number in libraries().items()} <= set(lines)
    assert not any("tensorflow-cpu" in line for line in lines)


def test_the_packages_of_this_environment_are_named(logged):
    bom = json.loads((logged.folder / "environment.cdx.json").read_text())
    assert bom["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": logged.tags["model_sha256"]}]
    named = {component["name"]: component["version"] for component in bom["components"]}
    assert named["keras"] == version("keras") and named["numpy"] == version("numpy")


def test_the_splits_are_linked_by_dvcs_digest(store):
    run_id = store.client.create_run("1").info.run_id
    dataset, digest = Dataset(paths.PROCESSED), dvc.digest(paths.PROCESSED)
    log_datasets(store.client, run_id, dataset, digest)
    inputs = store.client.get_run(run_id).inputs.dataset_inputs
    contexts = {one.dataset.name: one.tags[0].value for one in inputs}
    assert contexts == {"train": "training", "validation": "validation", "test": "testing"}
    assert {one.dataset.digest for one in inputs} == {digest}
    for one in inputs:
        assert f'"images": {len(dataset.arrays(one.dataset.name)[0])}' in one.dataset.profile

"""A model that was found: what it is called, and how its file comes to this disk."""

import hashlib
import shutil
from pathlib import Path
from urllib.parse import urlparse

import pytest
from support.reports import REPORTS

from digits import paths
from digits.errors import DigitsError
from digits.registry.model import Model, download_model
from digits.registry.resolve import model_of_run
from digits.results import Results

CONTENT = {"model.keras": b"weights", "model.tflite": b"the same weights"}
SHA256, TWIN_SHA256 = (hashlib.sha256(content).hexdigest() for content in CONTENT.values())


def log_model(client, folder, **tags):
    """The id of a new logged model with a twin, and its folder in the store."""
    experiment = client.get_experiment_by_name("digits").experiment_id
    model = client.create_logged_model(experiment, name="digits", tags=tags)
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
        client.log_model_artifact(model.model_id, str(folder / name))
    return model.model_id, Path(urlparse(client.get_logged_model(model.model_id).artifact_location).path)


@pytest.fixture
def logged(client, folder):
    return log_model(client, folder)


def test_both_files_are_fetched_once_and_kept_under_the_hash(client, folder, logged):
    model_id, place = logged
    kept = download_model(client, model_id, SHA256, TWIN_SHA256)
    assert kept == folder / ".digits" / "models" / SHA256 / "model.keras"
    assert {path.name: path.read_bytes() for path in kept.parent.iterdir()} == CONTENT
    shutil.rmtree(place)
    assert download_model(client, model_id, SHA256, TWIN_SHA256) == kept


@pytest.mark.parametrize("name", CONTENT)
def test_a_kept_file_that_was_damaged_is_fetched_anew(client, logged, name):
    model_id, place = logged
    kept = download_model(client, model_id, SHA256, TWIN_SHA256)
    (kept.parent / name).write_bytes(b"weight")
    # The other one is not asked for again.
    next(place / other for other in CONTENT if other != name).unlink()
    assert download_model(client, model_id, SHA256, TWIN_SHA256) == kept
    assert {path.name: path.read_bytes() for path in kept.parent.iterdir()} == CONTENT


@pytest.mark.parametrize(("name", "sha256"), [("model.keras", SHA256), ("model.tflite", TWIN_SHA256)])
def test_other_bytes_than_those_logged_are_refused_and_not_kept(client, folder, logged, name, sha256):
    model_id, place = logged
    (place / name).write_bytes(b"evil")
    with pytest.raises(DigitsError, match=rf"{name} is not the file that was logged: .* of {sha256[:12]}…; refused"):
        download_model(client, model_id, SHA256, TWIN_SHA256)
    assert not list((folder / ".digits").rglob(name))


def test_a_version_of_before_twins_needs_none(client, logged):
    model_id, place = logged
    (place / "model.tflite").unlink()
    kept = download_model(client, model_id, SHA256, None)
    assert [path.name for path in kept.parent.iterdir()] == ["model.keras"]


@pytest.mark.parametrize("name", CONTENT)
def test_a_file_that_is_gone_is_one_line(client, logged, name):
    model_id, place = logged
    (place / name).unlink()
    for wanted in (model_id, "m-" + "0" * 32):
        with pytest.raises(DigitsError, match="the model's file cannot be read") as refused:
            download_model(client, wanted, SHA256, TWIN_SHA256)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", CONTENT)
def test_a_file_that_is_gone_comes_from_another_logged_model_of_the_same_bytes(client, folder, logged, name):
    model_id, place = logged
    log_model(client, folder, model_sha256=SHA256)
    (place / name).unlink()
    kept = download_model(client, model_id, SHA256, TWIN_SHA256)
    assert {path.name: path.read_bytes() for path in kept.parent.iterdir()} == CONTENT


def test_a_model_without_version_goes_by_its_file(tmp_path):
    file = tmp_path / "model.keras"
    model = Model("pulled", "./pulled", "ab", Results("model.keras", lambda path: None), None, None, lambda: file)
    assert model.number is None and model.title == "model.keras" and model.accuracy is None
    with pytest.raises(
        DigitsError, match=r"^pulled: no run of this store has a model with these bytes .*`digits sync`"
    ):
        model.require_run()


def test_a_version_is_called_by_its_number(client, registry, tmp_path):
    (tmp_path / "metrics.json").write_text(REPORTS[paths.METRICS])
    results = Results("a run", lambda path: tmp_path / path.name if path == paths.METRICS else None)
    version = registry.version("2")
    model = Model("2", "models:/digits/2", "sha2", results, None, version, lambda: tmp_path)
    assert model.number == "2" and model.title == "digits version 2" and model.accuracy == 0.9907


def test_a_run_of_another_project_has_no_file(client, registry):
    experiment = client.get_experiment_by_name("digits").experiment_id
    run = client.create_run(experiment, tags={"model_sha256": "other"}, run_name="theirs")
    model = model_of_run(client.get_run(run.info.run_id), registry)
    assert model.title == "theirs" and model.require_run().info.run_id == run.info.run_id
    with pytest.raises(DigitsError, match=f"run {run.info.run_id} has no model of this project"):
        model.file()

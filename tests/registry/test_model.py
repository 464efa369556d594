"""A model that was found: what it is called, and how its file comes to this disk."""

from pathlib import Path
from urllib.parse import urlparse

import pytest
from support.reports import REPORTS

from digits import paths
from digits.errors import DigitsError
from digits.files import sha256_file
from digits.registry.model import Model, download_model
from digits.registry.resolve import model_of_run
from digits.results import Results


@pytest.fixture
def logged(client, folder):
    """The id of a logged model, its hash, and its file in the store."""
    file = folder / "model.keras"
    file.write_bytes(b"weights")
    experiment = client.get_experiment_by_name("digits").experiment_id
    model = client.create_logged_model(experiment, name="digits")
    client.log_model_artifact(model.model_id, str(file))
    place = Path(urlparse(client.get_logged_model(model.model_id).artifact_location).path)
    return model.model_id, sha256_file(file), place / "model.keras"


def test_a_file_is_fetched_once_and_kept_under_its_hash(client, folder, logged):
    model_id, sha256, stored = logged
    kept = download_model(client, model_id, sha256)
    assert kept == folder / ".digits" / "models" / sha256 / "model.keras" and kept.read_bytes() == b"weights"
    stored.unlink()
    assert download_model(client, model_id, sha256) == kept


def test_a_kept_file_that_was_damaged_is_fetched_anew(client, logged):
    model_id, sha256, _ = logged
    kept = download_model(client, model_id, sha256)
    kept.write_bytes(b"weight")
    assert download_model(client, model_id, sha256).read_bytes() == b"weights"


def test_other_bytes_than_those_logged_are_refused_and_not_kept(client, folder, logged):
    model_id, sha256, stored = logged
    stored.write_bytes(b"evil")
    with pytest.raises(
        DigitsError, match=rf"model.keras is not the file that was logged: .* of {sha256[:12]}…; refused"
    ):
        download_model(client, model_id, sha256)
    assert not list((folder / ".digits").rglob("*.keras"))


def test_a_file_that_is_gone_is_one_line(client, logged):
    model_id, sha256, stored = logged
    stored.unlink()
    for name in (model_id, "m-" + "0" * 32):
        with pytest.raises(DigitsError, match="the model's file cannot be read") as refused:
            download_model(client, name, sha256)
        assert "\n" not in str(refused.value)


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

"""Models on this disk, and which of the files around them are theirs."""

import json

import pytest
from support.reports import DATASET, EVALUATION, TEST, write_reports

from digits import paths
from digits.errors import DigitsError
from digits.files import sha256_file
from digits.registry.local import is_separated, local_model, model_file


@pytest.fixture
def working_copy(tmp_path, monkeypatch):
    """A model in models/ that was evaluated, and its data."""
    monkeypatch.chdir(tmp_path)
    write_reports()
    paths.MODEL.parent.mkdir()
    paths.MODEL.write_bytes(b"the model")
    paths.DATASET.write_text(json.dumps(DATASET | {"class_names": ["lion", "wolf"]}))
    paths.EVALUATION.write_text(json.dumps(EVALUATION | {"model_sha256": sha256_file(paths.MODEL)}))
    return tmp_path


@pytest.mark.parametrize("name", ["models", "models/model.keras", "./models"])
def test_the_model_of_the_working_copy_has_what_was_measured_of_it(working_copy, name):
    model = local_model(name)
    assert model.accuracy == TEST["accuracy"] and model.results.not_sure_below == 0.75
    assert model.results.names_of(2) == ["cat", "dog"]


def test_what_was_measured_of_an_earlier_model_is_not_told(working_copy):
    """Between stages train and evaluate the figures are those of the model before."""
    paths.MODEL.write_bytes(b"a new one")
    model = local_model("models")
    assert model.accuracy is None and model.results.not_sure_below is None
    assert model.results.names_of(2) == ["lion", "wolf"]
    with pytest.raises(DigitsError, match=r"has no metrics.json, it was never evaluated"):
        _ = model.results.metrics


def test_a_folder_that_was_taken_away_has_all_beside_the_file(working_copy, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    (away / "model.keras").write_bytes(b"the model")
    assert local_model(str(away)).results.class_names is None
    (away / "metrics.json").write_text(paths.METRICS.read_text())
    assert local_model(str(away)).results.class_names == ["cat", "dog"]
    (away / "classes.json").write_text('["tom", "rex"]')
    assert local_model(str(away)).results.class_names == ["tom", "rex"]


def test_what_is_no_model_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DigitsError, match=r"empty: a folder without model.keras; give a .keras file"):
        local_model("empty")
    with pytest.raises(DigitsError, match=r"nowhere.keras: no such file or folder; give"):
        local_model("nowhere.keras")
    assert model_file("notes.txt") is None
    assert is_separated("a/b") and not is_separated("champion")

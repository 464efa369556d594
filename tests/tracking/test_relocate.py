"""The addresses of artifacts in an SQLite store, written anew."""

import shutil

import pytest
from support.stores import forget_store

from digits.errors import DigitsError
from digits.tracking.relocate import relocate
from digits.tracking.store import connect


@pytest.mark.slow
@pytest.mark.parametrize("name", ["moved", "with a space", "ü?%20#"])
def test_what_was_logged_before_is_read_after_the_move(folder, monkeypatch, name):

    client = connect()
    run = client.create_run(client.get_experiment_by_name("digits").experiment_id)
    client.log_text(run.info.run_id, "kept", "note.txt")
    after = folder / name
    after.mkdir()
    for path in ("mlflow.db", "mlartifacts", "dvc.yaml", "params.yaml"):
        shutil.move(folder / path, after / path)
    forget_store()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(after)
    with pytest.raises(DigitsError, match="if the project was moved or copied, `digits relocate` writes"):
        connect()
    assert relocate()[:2] == (folder, after)
    client = connect()
    path = client.download_artifacts(run.info.run_id, "note.txt")
    assert open(path).read() == "kept"  # noqa: PTH123, SIM115
    client.log_text(run.info.run_id, "new", "other.txt")
    assert not (folder / "mlartifacts").exists() and len(list(after.rglob("other.txt"))) == 1


def test_artifacts_that_did_not_come_along_are_asked_for(folder, monkeypatch):

    connect()
    after = folder / "moved"
    after.mkdir()
    for path in ("mlflow.db", "dvc.yaml", "params.yaml"):
        shutil.move(folder / path, after / path)
    forget_store()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(after)
    with pytest.raises(DigitsError, match=r"moved/mlartifacts is missing: bring the artifacts there first, from"):
        relocate()

"""`digits relocate` where there is nothing to relocate. tests/journeys/test_records.py moves and copies projects."""

import pytest
from support.decisions import assert_refused


def test_a_server_knows_where_its_artifacts_are(folder, digits, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert_refused(digits("relocate"), "is for an SQLite store")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert_refused(digits("relocate"), "is for an SQLite store")
    assert not (folder / "mlflow.db").exists()


@pytest.mark.slow
def test_a_store_in_its_place_is_left_as_it_is(store, digits):
    before = (store.folder / "mlflow.db").read_bytes()
    assert_refused(digits("relocate"), "name its own folder already: there is nothing to relocate")
    assert (store.folder / "mlflow.db").read_bytes() == before

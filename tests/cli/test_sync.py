"""`digits sync`: what it says of the model in models/. What it writes is tested in tests/tracking/test_record.py."""

import pytest
from support.decisions import assert_refused
from support.project import change

from digits import paths

pytestmark = pytest.mark.slow


def test_a_complete_record_stays_as_it_is(store, digits, monkeypatch):
    run = store.client.get_run(store.registry.version("3").run_id)
    monkeypatch.chdir(store.folder / "reports")
    code, out, err = digits("sync")
    assert (code, err) == (0, "")
    # No dvc.lock says that stage register has run with this model.
    assert out == (
        f"digits: run “{run.info.run_name}” ({run.info.run_id}) is complete; "
        "not registered: `dvc repro`, `digits register` say why\n"
    )
    after = store.client.get_run(run.info.run_id)
    assert after.data.metrics == run.data.metrics and after.data.tags == run.data.tags


def test_without_a_model_there_is_nothing_to_record(store, digits):
    paths.MODEL.unlink()
    assert_refused(digits("sync"), "models/model.keras is missing: run `dvc repro`")


def test_wrong_parameters_are_refused_before_the_store_is_opened(store, digits, monkeypatch):
    change(paths.PARAMS, {"train.epochs": 0})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert_refused(digits("sync"), "params.yaml: train.epochs = 0: ")

"""The record of the model in models/: written from the files where the store lacks it, once, and complete."""

import shutil

import pandas as pd
import pytest
from ruamel.yaml import YAML
from support.pipeline import artifacts_of
from support.project import change

from digits import dvc, paths
from digits.errors import DigitsError
from digits.files import read_json, sha256_file, write_json, write_text
from digits.params import flatten, load_params
from digits.tracking import artifacts, record
from digits.tracking.find import count_reproductions, find_run
from digits.tracking.store import connect

pytestmark = pytest.mark.slow


@pytest.fixture
def fresh(store, empty_store, monkeypatch):
    """The files of the project, and a store that knows nothing of them."""
    shutil.copy(empty_store, store.folder / "fresh.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store.folder / 'fresh.db'}")
    store.client = connect()
    return store


def count_runs(client):
    return len(client.search_runs([e.experiment_id for e in client.search_experiments()]))


def test_a_store_without_the_model_gets_its_run_from_the_files(fresh):
    run_id = record.ensure_run(fresh.client, fresh.params)
    record.log_evaluation(fresh.client, run_id)
    run = fresh.client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {key: str(value) for key, value in flatten(fresh.params).items()}

    history = pd.read_csv(paths.HISTORY)
    for column in ("loss", "val_accuracy"):
        logged = fresh.client.get_metric_history(run_id, column)
        assert [(metric.step, metric.value) for metric in logged] == list(
            zip(history["epoch"], history[column], strict=True)
        )
    # Nobody measured the training that left these files.
    assert "training_seconds" not in run.data.metrics

    tags = run.data.tags
    assert tags["model_sha256"] == sha256_file(paths.MODEL) and tags["restored_from_files"] == "true"
    assert tags["model_md5"] == dvc.digest(paths.MODEL) and tags["data_digest"] == dvc.digest(paths.PROCESSED)
    assert tags["test_sha256"] == read_json(paths.DATASET)["test_sha256"]
    assert tags["stopped_by"] == read_json(paths.TRAINING)["reason"] and "keras" in tags["libraries"]

    test = read_json(paths.METRICS)["test"]
    assert run.data.metrics["test_accuracy"] == test["accuracy"] and "test_n" not in run.data.metrics
    assert run.data.metrics["test_f1/3"] == test["per_class"]["3"]["f1"]
    assert run.data.metrics["not_sure_below"] == read_json(paths.CALIBRATION)["not_sure_below"]
    assert run.data.metrics["robustness/shift"] == read_json(paths.ROBUSTNESS_MEANS)["shift"]

    assert set(artifacts.RESULT_FILES.values()) <= artifacts_of(fresh.client, run_id)
    for path, name in artifacts.RESULT_FILES.items():
        assert artifacts.download(fresh.client, run_id, name).read_bytes() == path.read_bytes()

    # Once more finds it and writes nothing.
    assert record.ensure_run(fresh.client, fresh.params) == run_id == record.recorded_run(fresh.client, fresh.params)
    record.log_evaluation(fresh.client, run_id)
    assert count_runs(fresh.client) == 1 and len(fresh.client.get_metric_history(run_id, "test_accuracy")) == 1


def test_a_look_at_the_record_writes_nothing(fresh):
    with pytest.raises(DigitsError, match=r"the store has no run of models/model.keras: `digits sync` writes it"):
        record.recorded_run(fresh.client, fresh.params)
    assert count_runs(fresh.client) == 0


def test_without_a_model_nothing_can_be_recorded(fresh):
    paths.MODEL.unlink()
    for call in (record.ensure_run, record.recorded_run):
        with pytest.raises(DigitsError, match=r"models/model.keras is missing: run `dvc repro`"):
            call(fresh.client, fresh.params)
    assert count_runs(fresh.client) == 0


def test_parameters_that_did_not_make_the_model_do_not_describe_it(fresh):
    """dvc.lock has those that did."""
    trained = {"train": YAML(typ="safe").load(paths.PARAMS)["train"]}
    lock = {"schema": "2.0", "stages": {"train": {"cmd": "python -m stages train", "params": {"params.yaml": trained}}}}
    with dvc.LOCK.open("w") as file:
        YAML().dump(lock, file)
    change(paths.PARAMS, {"train.epochs": 9, "train.model.dense_units": 7, "plot.dpi": 60})
    with pytest.raises(DigitsError) as refused:
        record.ensure_run(fresh.client, load_params())
    assert "was trained (train.model.dense_units, train.epochs): run `dvc repro` first" in str(refused.value)
    assert count_runs(fresh.client) == 0
    change(paths.PARAMS, flatten(trained))
    assert record.ensure_run(fresh.client, load_params())


def test_an_evaluation_has_a_mark_if_it_is_complete_and_of_this_model(store):
    mark = record.evaluation_mark()
    assert mark == record.evaluation_mark() and len(mark) == 64
    metrics = paths.METRICS.read_bytes()
    paths.METRICS.write_bytes(metrics + b"\n")
    assert record.evaluation_mark() not in (mark, None)
    paths.METRICS.unlink()
    assert record.evaluation_mark() is None
    paths.METRICS.write_bytes(metrics)
    assert record.evaluation_mark() == mark
    paths.MODEL.write_bytes(paths.MODEL.read_bytes() + b"\0")
    assert record.evaluation_mark() is None


def test_the_evaluation_of_another_model_is_not_logged(store):
    run_id = store.registry.version("3").run_id
    before = store.client.get_run(run_id).data
    paths.MODEL.write_bytes(paths.MODEL.read_bytes() + b"\0")
    store.client.delete_tag(run_id, artifacts.EVALUATION_MARK)
    record.log_evaluation(store.client, run_id)
    after = store.client.get_run(run_id).data
    assert after.metrics == before.metrics and artifacts.EVALUATION_MARK not in after.tags


def test_the_same_model_evaluated_otherwise_is_a_run_of_its_own_with_the_same_model(store):
    first = find_run(store.client, sha256_file(paths.MODEL))
    change(paths.PARAMS, {"evaluate.confidence": 0.5})
    write_json(paths.EVALUATION, read_json(paths.EVALUATION) | {"confidence": 0.5})
    run_id = record.ensure_run(store.client, load_params())
    other = store.client.get_run(run_id).data
    assert run_id != first.info.run_id and other.tags["same_model_as"] == first.info.run_id
    assert other.tags["model_id"] == first.data.tags["model_id"]
    assert other.params["evaluate.confidence"] == "0.5"


def test_a_model_that_is_not_evaluated_again_yet_keeps_its_run(store):
    paths.EVALUATION.unlink()
    change(paths.PARAMS, {"evaluate.confidence": 0.5})
    assert record.ensure_run(store.client, load_params()) == store.registry.version("3").run_id


def test_a_run_of_mlflow_run_that_trained_nothing_is_a_reproduction(store):
    first = find_run(store.client, sha256_file(paths.MODEL))
    begun = store.client.create_run(first.info.experiment_id).info.run_id
    for _ in range(2):
        record.complete_as_reproduction(store.client, begun, store.params, first.info.run_id)
        run = store.client.get_run(begun)
        assert run.data.tags["reproduction_of"] == first.info.run_id
        assert run.data.params["train.epochs"] == first.data.params["train.epochs"]
        assert len(store.client.get_metric_history(begun, "loss")) == 3
    assert count_reproductions(store.client, first.data.tags["model_sha256"]) == 1
    assert find_run(store.client, first.data.tags["model_sha256"]).info.run_id == first.info.run_id


def test_pictures_of_a_registered_run_stay_as_they_were(store):
    run_id = store.registry.version("3").run_id

    def logged_after(content):
        write_text(paths.PLOTS / "a.png", content)
        record.log_plots(store.client, run_id)
        return artifacts.download(store.client, run_id, f"{artifacts.PLOTS}/a.png").read_text()

    assert [logged_after("1"), logged_after("2")] == ["1", "1"]
    store.client.delete_model_version("digits", "3")
    assert [logged_after("3"), logged_after("4")] == ["3", "4"]


def test_the_page_is_logged_with_the_pictures(store):
    run_id = store.registry.version("3").run_id
    store.client.delete_model_version("digits", "3")
    write_text(paths.PLOTS / "a.png", "1")
    paths.REPORT.unlink(missing_ok=True)
    record.log_plots(store.client, run_id)
    assert artifacts.download(store.client, run_id, artifacts.REPORT) is None
    for content in ("first", "second"):
        write_text(paths.REPORT, content)
        record.log_plots(store.client, run_id)
        assert artifacts.download(store.client, run_id, artifacts.REPORT).read_text() == content

"""What holds for every command: no project, entry points of MLproject, the list of commands."""

import os

import pytest
from support.decisions import assert_refused
from support.project import Project

from digits.registry.aliases import make_champion
from digits.registry.history import CHAMPION

pytestmark = pytest.mark.slow


def test_nothing_is_made_where_there_is_no_project(store, digits, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    for command in (["pull"], ["history"], ["lineage"], ["rollback"], ["predict", "seven.png"], ["ui"]):
        assert_refused(digits(*command), "no params.yaml here and no MLFLOW_TRACKING_URI")
    assert list(empty.iterdir()) == []


def test_a_deleted_history_is_named(store, digits):
    tags = store.client.get_registered_model("digits").tags
    store.client.delete_run(tags["history_run"])
    for command in (["history"], ["promote", "2", "--force", "--reason", "x"], ["rollback"]):
        assert_refused(digits(*command), f"`mlflow runs restore --run-id {tags['history_run']}`")
    assert store.registry.aliases()[CHAMPION] == "1"
    store.client.restore_run(tags["history_run"])
    assert len(store.registry.history()) == 3
    store.client.delete_registered_model_tag("digits", "history_run")
    assert_refused(digits("history"), "the history of digits is gone")


def test_a_deleted_experiment_is_named(store, digits):
    store.client.delete_experiment(store.client.get_experiment_by_name("digits").experiment_id)
    assert_refused(digits("history"), "`mlflow experiments restore --experiment-id ")


def test_a_run_without_model_is_refused_by_every_command(store, digits):
    experiment = store.client.get_experiment_by_name("digits").experiment_id
    running = store.client.create_run(experiment).info.run_id
    failed = store.client.create_run(experiment).info.run_id
    store.client.set_terminated(failed, "FAILED")
    for run_id in (running, failed):
        for command in ("register", "promote", "lineage", "compare", "pull"):
            assert_refused(digits(command, run_id), "has no model")
        assert_refused(digits("rollback", "--to", run_id), "has no model")
        assert_refused(digits("pull", "--alias", run_id, "--to", "nowhere"), f"digits has no {run_id}")


def test_entry_points_of_mlproject(store, tmp_path):
    """With defaults alone; MLflow's own run of each is no training, and is not taken for one."""
    make_champion(store.registry, "2", "1", "promote", "a test", [])
    project = Project(store.folder)
    uri = os.environ["MLFLOW_TRACKING_URI"]

    def run(entry, *settings, code=0):
        words = [word for setting in settings for word in ("-P", setting)]
        command = ("mlflow", "run", ".", "--env-manager", "local", "-e", entry, *words)
        done = project.run(*command, check=False, MLFLOW_TRACKING_URI=uri)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done

    assert "champion is version 1 again, was 2" in run("rollback").stdout
    assert f"digits: version 1 is in {tmp_path / 'out'}" in run("pull", f"to={tmp_path / 'out'}").stdout
    assert "digits: version 1 is champion already\n" in run("promote", "target=champion", code=1).stderr
    compared = run("compare").stdout
    assert "champion" in compared and "digits compare" not in compared
    (experiment,) = [e for e in store.client.search_experiments() if e.name == "Default"]
    runs = store.client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
    assert [(run.info.run_name, run.info.status) for run in runs] == [
        ("digits rollback", "FINISHED"),
        ("digits pull", "FINISHED"),
        ("digits promote", "FAILED"),
        ("digits compare", "FINISHED"),
    ]
    assert not any("model_sha256" in run.data.tags or run.data.metrics for run in runs)

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.advice import refusal

from digits.tracking import artifacts, find
from digits.tracking.observation import PAGE, write_observation
from digits.tracking.store import MONITORING, search_runs


def test_an_observation_is_complete_and_no_search_for_models_finds_it(client, folder):
    run_id = write_observation(client, "a look", {"served_version": "7"}, {"images": 3}, "<p>page</p>")
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED" and run.data.metrics == {"images": 3}
    assert Path(client.download_artifacts(run_id, PAGE)).read_text(encoding="utf-8") == "<p>page</p>"
    # It moves with the store.
    assert run.info.artifact_uri.startswith((folder / "mlartifacts").as_uri())
    assert search_runs(client, "") == [] == find.runs_named(client, "a look") == find.newest_names(client, 10)


def test_a_look_that_cannot_be_written_is_no_finished_run(client, monkeypatch):
    def fail(*arguments):
        raise OSError

    monkeypatch.setattr(type(client), "log_artifact", fail)
    with pytest.raises(OSError):
        write_observation(client, "a look", {}, {"images": 3}, "")
    experiment = client.get_experiment_by_name(MONITORING).experiment_id
    assert [run.info.status for run in client.search_runs([experiment])] == ["FAILED"]


def test_the_next_look_closes_the_run_of_one_that_was_killed(client):
    write_observation(client, "a look", {}, {"images": 3}, "")
    experiment = client.get_experiment_by_name(MONITORING).experiment_id
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    tags = {artifacts.PROCESS: f"{socket.gethostname()} {dead.stdout.strip()} 0"}
    left = client.create_run(experiment, run_name="killed", tags=tags).info.run_id
    write_observation(client, "the next", {}, {"images": 3}, "")
    assert client.get_run(left).info.status == "KILLED"
    assert {run.info.status for run in client.search_runs([experiment])} == {"KILLED", "FINISHED"}


def test_a_deleted_experiment_is_named(client):
    write_observation(client, "a look", {}, {"images": 3}, "")
    client.delete_experiment(client.get_experiment_by_name(MONITORING).experiment_id)
    message = refusal(write_observation, client, "a look", {}, {"images": 3}, "")
    assert message.startswith(f"the MLflow experiment '{MONITORING}' was deleted: `mlflow experiments restore")

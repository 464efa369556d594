"""A training in progress: whatever becomes of it or of the store, its run says so and its files stay."""

import json

import pytest
from support.params import default_params

from digits import paths
from digits.errors import Terminated
from digits.files import sha256_file
from digits.tracking import artifacts
from digits.tracking.find import find_run
from digits.tracking.record import ensure_run
from digits.tracking.training import live_run

PARAMS = default_params()


def test_epochs_are_seen_while_it_runs(client):
    with live_run(client, PARAMS) as run:
        for epoch in (1, 2):
            run.log_epoch(epoch, {"loss": 1 / epoch})
            history = client.get_metric_history(run.run_id, "loss")
            assert [(metric.step, metric.value) for metric in history] == [(n, 1 / n) for n in range(1, epoch + 1)]
        assert client.get_run(run.run_id).info.status == "RUNNING"
    assert client.get_run(run.run_id).info.status == "FINISHED"


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt, "KILLED"), (Terminated, "KILLED"), (ValueError, "FAILED"), (SystemExit, "FAILED")],
)
def test_the_run_ends_as_what_it_was(client, error, status):
    with pytest.raises(error), live_run(client, PARAMS) as run:
        raise error
    assert client.get_run(run.run_id).info.status == status


@pytest.fixture
def trained(folder):
    """The model that a training left."""
    paths.MODEL.parent.mkdir()
    paths.MODEL.write_bytes(b"weights")
    return sha256_file(paths.MODEL)


def test_a_lost_store_stops_no_training_and_is_said_once(client, folder, trained, capsys):
    with live_run(client, PARAMS) as run:
        # What is said of a folder without git.
        capsys.readouterr()
        # Somebody deletes the run in MLflow's own interface.
        client.delete_run(run.run_id)
        run.log_epoch(1, {"loss": 1.0})
        run.log_epoch(2, {"loss": 0.5})
        run.finish(12.34)
    said = capsys.readouterr().out.splitlines()
    assert [line.startswith("train: the MLflow store was lost, training goes on (") for line in said] == [True, False]
    assert said[1].startswith("train: the files are complete; `digits sync`")
    (note,) = (folder / ".digits" / "unfinished").iterdir()
    assert note.name == f"{trained}.json"
    assert json.loads(note.read_text()) == {"run_id": run.run_id, "training_seconds": 12.3}
    assert client.get_run(run.run_id).data.metrics == {}


@pytest.mark.slow
def test_the_same_bytes_again_are_a_reproduction(store):
    first = find_run(store.client, sha256_file(paths.MODEL))
    with live_run(store.client, store.params) as run:
        run.finish(5.0)
    again = store.client.get_run(run.run_id)
    assert again.data.tags[artifacts.REPRODUCTION_OF] == first.info.run_id
    assert again.data.metrics["training_seconds"] == 5.0 and again.info.status == "FINISHED"
    assert artifacts.MODEL_ID not in again.data.tags
    assert find_run(store.client, first.data.tags["model_sha256"]).info.run_id == first.info.run_id


@pytest.mark.slow
def test_what_the_store_lost_is_completed_when_it_is_back(store):
    """The run that the note names, not a new one."""
    for version in store.registry.versions():
        store.client.delete_run(version.run_id)
    with live_run(store.client, store.params) as run:
        store.client.delete_run(run.run_id)
        run.log_epoch(1, {"loss": 1.0})
        run.finish(5.0)
    store.client.restore_run(run.run_id)
    assert ensure_run(store.client, store.params) == run.run_id
    found = store.client.get_run(run.run_id)
    assert found.data.metrics["training_seconds"] == 5.0 and found.info.status == "FINISHED"
    assert found.data.tags["model_sha256"] == sha256_file(paths.MODEL) and artifacts.MODEL_ID in found.data.tags
    assert list((store.folder / ".digits" / "unfinished").iterdir()) == []

"""Trainings that are killed, terminated or cut off from their store, and what is left of them."""

import signal

import psutil
import pytest
import requests
from support.advice import follow
from support.pipeline import assert_complete, assert_one_line, runs_of, wait_for
from support.processes import words_of
from support.project import change, kill
from support.servers import free_port

from digits.files import sha256_file

pytestmark = pytest.mark.slow


def test_a_killed_training_leaves_nothing_half_done(project, client_of):
    before = sha256_file(project.folder / "models" / "model.keras")
    change(project.folder / "params.yaml", {"train.epochs": 500, "train.stop.threshold": 1.0})
    log = project.folder.parent / "log"
    process = project.start("dvc", "repro", "train", log=log)
    wait_for(lambda: "Epoch 3/" in log.read_text(errors="replace"), process)
    kill(process)
    # DVC takes the outs away before it runs a stage. The message of whoever misses one says how to get it back.
    assert not (project.folder / "models" / "model.keras").exists()
    done = project.run("python", "-m", "stages", "evaluate", check=False)
    assert_one_line(done, "evaluate", "models/model.keras is missing", "`dvc checkout` to bring back the last one")
    project.run("dvc", "checkout", "train")
    assert sha256_file(project.folder / "models" / "model.keras") == before
    client = client_of(project)
    killed = runs_of(client)[-1]
    assert killed.info.status == "RUNNING"

    change(project.folder / "params.yaml", {"train.epochs": 1})
    project.run("dvc", "repro", "train")
    first, killed, last = runs_of(client)
    assert [run.info.status for run in (first, killed, last)] == ["FINISHED", "KILLED", "FINISHED"]
    assert last.data.params["train.epochs"] == "1"


def test_a_terminated_repro_takes_its_training_with_it(project, client_of):
    """As `docker stop` or `timeout` does: the signal goes to one process alone."""
    change(project.folder / "params.yaml", {"train.epochs": 500, "train.stop.threshold": 1.0})
    log = project.folder.parent / "log"
    process = project.start("python", "-m", "digits.cli", "repro", log=log)
    wait_for(lambda: "Epoch 2/" in log.read_text(errors="replace"), process)
    started = psutil.Process(process.pid).children(recursive=True)
    assert any("train" in words_of(child) for child in started)
    process.terminate()
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    _, alive = psutil.wait_procs(started, timeout=60)
    said = log.read_text(errors="replace")
    assert alive == [] and said.splitlines()[-1] == "digits: terminated"
    assert runs_of(client_of(project))[-1].info.status == "KILLED", said[-3000:]


class MlflowServer:
    """`mlflow server` with a store of its own."""

    def __init__(self, project, folder):
        self.project, self.folder = project, folder
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self):
        command = ["mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self.folder / 'server.db'}"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        self.process = self.project.start(*command, log=self.folder / "server.log")

        def answers():
            try:
                return requests.get(f"{self.uri}/health", timeout=2).ok
            except requests.RequestException:
                return False

        wait_for(answers, self.process)

    def kill(self):
        kill(self.process)


@pytest.mark.long
def test_a_lost_store_does_not_lose_the_training(project, client_of, tmp_path):
    server = MlflowServer(project, tmp_path)
    server.start()
    try:
        # `dvc repro` would do the same: the stage itself spares its time.
        change(project.folder / "params.yaml", {"train.epochs": 15, "train.stop.threshold": 1.0})
        log = tmp_path / "log"
        process = project.start("python", "-m", "stages", "train", log=log, MLFLOW_TRACKING_URI=server.uri)
        wait_for(lambda: "Epoch 2/" in log.read_text(errors="replace"), process)
        server.kill()
        assert process.wait(timeout=300) == 0, log.read_text()
        assert "the MLflow store was lost, training goes on" in log.read_text()
        done = project.run("python", "-m", "stages", "register", MLFLOW_TRACKING_URI=server.uri, check=False)
        assert_one_line(done, "register", server.uri)

        server.start()
        client = client_of(server.uri)
        (before,) = runs_of(client)
        assert before.info.status == "RUNNING"
        project.run("python", "-m", "digits.cli", "sync", MLFLOW_TRACKING_URI=server.uri)
        (after,) = runs_of(client)
        assert after.info.run_id == before.info.run_id and after.info.status == "FINISHED"
        assert [m.step for m in client.get_metric_history(after.info.run_id, "loss")] == list(range(1, 16))
        assert client.get_logged_model(after.data.tags["model_id"]).status == "READY"
        assert "training_seconds" in after.data.metrics and "restored_from_files" not in after.data.tags
        # The evaluation on disk is of the model before.
        assert "test_accuracy" not in after.data.metrics and client.search_registered_models() == []
    finally:
        server.kill()


@pytest.mark.long
def test_sync_writes_the_run_anew_into_a_fresh_store(project, client_of):
    store = f"sqlite:///{project.folder.parent / 'fresh.db'}"
    # What a training whose store was lost had left, and a full disk has cut off.
    note = project.folder / ".digits" / "unfinished" / f"{sha256_file(project.folder / 'models' / 'model.keras')}.json"
    note.parent.mkdir(parents=True)
    note.write_text('{"run_id": "c0f')
    done = project.run("python", "-m", "digits.cli", "sync", MLFLOW_TRACKING_URI=store, check=False)
    assert_one_line(done, "digits", f"{note.name} cannot be read (")
    follow(done.stderr, project.folder)
    for _ in range(2):
        done = project.run("python", "-m", "digits.cli", "sync", MLFLOW_TRACKING_URI=store)
        assert "is complete; version 1" in done.stdout
    client = client_of(store)
    (run,) = runs_of(client)
    assert_complete(client, run, project)
    assert run.data.tags["restored_from_files"] == "true"
    assert client.get_model_version_by_alias("digits", "champion").run_id == run.info.run_id

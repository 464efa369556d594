"""The real pipeline, with the real DVC and MLflow, on the sample of MNIST: run, repeated, changed, killed, cut off.

One project is run once for all tests, also for those in other worker processes; each test works on a copy of it.
"""

import json
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from filelock import FileLock
from project import Project, change, kill, make_project
from ruamel.yaml import YAML

from digits.files import sha256_file
from digits.params import flatten, load_params
from digits.sources import RAW_NAMES

pytestmark = pytest.mark.slow

DOWNSTREAM = ["train", "evaluate", "plot", "register"]
STAGES = ["params", "fetch", "validate", "preprocess", *DOWNSTREAM]
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="session")
def reproduced(shared_folder):
    """The project after its first `dvc repro`, with the result committed. Not to be changed."""
    shared = shared_folder / "reproduced"
    with FileLock(f"{shared}.lock"):
        if not (shared / "done").is_file():
            (shared / "project").mkdir(parents=True)
            project = make_project(shared / "project")
            done = project.run("dvc", "repro")
            project.run("git", "add", "-A")
            project.run("git", "commit", "-qm", "Record the run")
            (shared / "done").write_text(done.stdout)
    project = Project(shared / "project")
    project.output = (shared / "done").read_text()
    return project


@pytest.fixture
def project(reproduced, tmp_path):
    """A copy to play with. Its store's artifacts stay where the first run put them."""
    shutil.copytree(reproduced.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


@pytest.fixture
def client_of(monkeypatch):
    """A client of a project's store, or of any other, which this process then uses as well."""
    import mlflow

    def client(store):
        uri = store if isinstance(store, str) else store.store()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        mlflow.set_tracking_uri(uri)
        return mlflow.MlflowClient(uri)

    yield client
    mlflow.set_tracking_uri(None)


def runs_of(client):
    """All runs but the registry's history, oldest first."""
    experiments = [e.experiment_id for e in client.search_experiments() if e.name != "digits-history"]
    return client.search_runs(experiments, order_by=["attributes.start_time ASC"])


def artifacts_of(client, run_id, folder=None):
    found = set()
    for item in client.list_artifacts(run_id, folder):
        found |= artifacts_of(client, run_id, item.path) if item.is_dir else {item.path}
    return found


def assert_complete(client, run, project):
    """A run tells all that the project's files do."""
    params = load_params(project.folder / "params.yaml")
    assert run.info.status == "FINISHED"
    assert run.data.params == {key: str(value) for key, value in flatten(params).items()}
    history = pd.read_csv(project.folder / "reports" / "history.csv")
    for name in history.columns.drop("epoch"):
        logged = client.get_metric_history(run.info.run_id, name)
        assert [metric.step for metric in logged] == history["epoch"].tolist()
        np.testing.assert_allclose([metric.value for metric in logged], history[name], atol=1e-6)

    tags = run.data.tags
    (processed,) = YAML(typ="safe").load(project.folder / "dvc.lock")["stages"]["preprocess"]["outs"]
    assert tags["model_sha256"] == sha256_file(project.folder / "models" / "model.keras")
    assert tags["data_digest"] == processed["md5"]
    assert {i.dataset.name: i.dataset.digest for i in run.inputs.dataset_inputs} == dict.fromkeys(
        ("train", "validation", "test"), processed["md5"]
    )
    first = client.get_run(tags.get("reproduction_of", run.info.run_id))
    model = client.get_logged_model(first.data.tags["model_id"])
    test = json.loads(project.read("reports/metrics.json"))["test"]
    if first.info.run_id == run.info.run_id:
        linked = {m.key: m for m in model.metrics if m.run_id == run.info.run_id}
        assert linked["test_accuracy"].value == test["accuracy"]
        assert linked["test_accuracy"].dataset_digest == processed["md5"]
    assert run.data.metrics["test_accuracy"] == test["accuracy"]
    assert run.data.metrics["test_f1/7"] == test["per_class"]["7"]["f1"]
    plots = {f"plots/{path.name}" for path in (project.folder / "reports" / "plots").iterdir()}
    training = {"training/history.csv", "training/training.json"}
    evaluation = {"evaluation/metrics.json", "evaluation/predictions.csv"}
    assert plots | training | evaluation | {"validation/validation.json"} <= artifacts_of(client, run.info.run_id)


def test_the_first_run_is_complete_and_its_model_champion(reproduced, client_of, mnist_sample):
    import mlflow

    assert [line.split("'")[1] for line in reproduced.output.splitlines() if line.startswith("Running")] == STAGES
    client = client_of(reproduced)
    (run,) = runs_of(client)
    assert_complete(client, run, reproduced)
    head = reproduced.run("git", "rev-parse", "HEAD~1").stdout.strip()
    assert run.data.tags["git_commit"] == head and run.data.tags["git_dirty"] == "false"
    assert run.data.tags["git_branch"] == "main"

    version = client.get_model_version_by_alias("digits", "champion")
    assert (version.version, version.run_id) in ((1, run.info.run_id), ("1", run.info.run_id))
    assert version.tags["model_sha256"] == run.data.tags["model_sha256"]
    model = mlflow.pyfunc.load_model("models:/digits@champion")
    # What a user has: raw pixels, as they are in the file.
    predicted = model.predict(mnist_sample.x_test).argmax(axis=1)
    assert (predicted == mnist_sample.y_test).mean() == run.data.metrics["test_accuracy"]
    keras_model = mlflow.keras.load_model("models:/digits@champion")
    assert (np.asarray(keras_model(mnist_sample.x_test)).argmax(axis=1) == predicted).all()


def test_repeated_it_runs_nothing(project, client_of):
    done = project.run("dvc", "repro")
    assert project.stages_run(done) == [] and "up to date" in done.stdout
    assert project.run("git", "status", "--porcelain").stdout == ""
    assert len(runs_of(client_of(project))) == 1


def test_forced_it_gives_the_same_bytes(project, client_of):
    """As `dvc repro -f`, with the fetch spared."""
    before = project.read("dvc.lock")
    done = project.run("dvc", "repro", "-f")
    assert project.stages_run(done) == STAGES
    assert project.read("dvc.lock") == before
    assert project.run("git", "status", "--porcelain").stdout == ""
    client = client_of(project)
    first, again = runs_of(client)
    assert again.data.tags["reproduction_of"] == first.info.run_id
    assert "model_id" not in again.data.tags and again.info.status == "FINISHED"
    assert len(client.search_model_versions("name = 'digits'")) == 1


def test_an_experiment_runs_what_depends_on_the_parameter(project, client_of):
    done = project.run("dvc", "exp", "run", "--name", "slower", "-S", "train.learning_rate=0.002")
    assert project.stages_run(done) == ["params", *DOWNSTREAM]
    client = client_of(project)
    _, run = runs_of(client)
    assert_complete(client, run, project)
    assert run.info.run_name == "slower learning_rate=0.002"
    assert run.data.params["train.learning_rate"] == "0.002"
    tags = run.data.tags
    assert tags["dvc_experiment"] == "slower" and tags["git_changed"] == "params.yaml" and tags["git_dirty"] == "true"
    assert tags["git_commit"] == project.run("git", "rev-parse", "HEAD").stdout.strip()

    shown = project.run("dvc", "exp", "show", "--json").stdout
    assert '"slower"' in shown and "0.002" in shown
    params = json.loads(project.run("dvc", "params", "diff", "--json").stdout)
    assert params["params.yaml"]["train.learning_rate"] == {"old": 0.005, "new": 0.002, "diff": pytest.approx(-0.003)}
    metrics = json.loads(project.run("dvc", "metrics", "diff", "--json").stdout)
    accuracy = json.loads(project.read("reports/metrics.json"))["test"]["accuracy"]
    assert metrics["reports/metrics.json"]["test.accuracy"]["new"] == accuracy
    plots = json.loads(project.run("dvc", "plots", "diff", "--json", "--split").stdout)["data"]
    assert {rev for plot in plots["Accuracy"] for rev in plot["revisions"]} == {"HEAD", "workspace"}


def test_queued_experiments_land_in_the_same_store(project, client_of):
    project.run("dvc", "exp", "run", "--queue", "-S", "train.learning_rate=0.002,0.01", "-S", "train.epochs=2")
    log = project.folder.parent / "queue.log"
    process = project.start("dvc", "queue", "start", "-j", "2", log=log)
    try:
        process.wait(timeout=60)
        deadline = time.monotonic() + 400
        while time.monotonic() < deadline:
            status = project.run("dvc", "queue", "status").stdout
            states = [line.split()[-1] for line in status.splitlines()[1:3]]
            if not {"Queued", "Running"} & set(states):
                break
            time.sleep(2)
        failed = "".join(
            project.run("dvc", "queue", "logs", line.split()[0], check=False).stdout
            for line in status.splitlines()[1:3]
            if line.endswith("Failed")
        )
        assert states == ["Success", "Success"], f"{status}\n{failed}"
    finally:
        project.run("dvc", "queue", "stop", "--kill", check=False)
    runs = runs_of(client_of(project))
    assert sorted(run.data.params["train.learning_rate"] for run in runs) == ["0.002", "0.005", "0.01"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len({run.data.tags.get("dvc_experiment") for run in runs}) == 3
    assert all("test_accuracy" in run.data.metrics for run in runs)
    listed = project.run("dvc", "exp", "list", "--name-only").stdout.split()
    assert sorted(listed) == sorted(r.data.tags["dvc_experiment"] for r in runs if "dvc_experiment" in r.data.tags)


def test_a_sweep_compares_recipes_and_leaves_the_test_images_alone(project, client_of):
    sweep = ("python", "-m", "digits.cli", "sweep", "--name", "rate")
    settings = ("-S", "train.epochs=1", "-S", "train.learning_rate=0.005,0.0001")
    done = project.run(*sweep, *settings, "--seeds", "2")
    # One epoch with a fiftieth of the learning rate gets nowhere.
    assert done.stdout.rstrip().endswith("dvc exp run -S train.learning_rate=0.005")
    first, second = json.loads(project.run(*sweep, "--json").stdout)
    assert first["settings"] == {"train.learning_rate": 0.005} and second["settings"] == {"train.learning_rate": 0.0001}

    client = client_of(project)
    _, *runs = runs_of(client)
    by_name = {run.data.tags["dvc_experiment"]: run.data for run in runs}
    trials = first["trials"] + second["trials"]
    assert [trial["experiment"] for trial in trials] == sorted(by_name) == [f"rate-{number}" for number in range(1, 5)]
    for trial in trials:
        run = by_name[trial["experiment"]]
        assert str(trial["seed"]) == run.params["train.seed"] and trial["seed"] in (1, 2)
        assert trial["val_accuracy"] == pytest.approx(run.metrics["val_accuracy"], abs=1e-6)
        assert not any(name.startswith("test_") for name in run.metrics)
    assert len(client.search_model_versions("name = 'digits'")) == 1
    assert project.run("git", "status", "--porcelain").stdout == ""

    again = project.run(*sweep, *settings, check=False)
    assert again.returncode == 1 and again.stderr.splitlines()[-1] == "digits: dvc exp failed, see above"


def test_sync_writes_the_run_anew_into_a_fresh_store(project, client_of):
    store = f"sqlite:///{project.folder.parent / 'fresh.db'}"
    for _ in range(2):
        done = project.run("python", "-m", "digits.cli", "sync", MLFLOW_TRACKING_URI=store)
        assert "is complete; version 1" in done.stdout
    client = client_of(store)
    (run,) = runs_of(client)
    assert_complete(client, run, project)
    assert run.data.tags["restored_from_files"] == "true"
    assert client.get_model_version_by_alias("digits", "champion").run_id == run.info.run_id


def wait_for(condition, process, seconds=120):
    """Poll until a condition holds; a process that ends meanwhile, or the time, is a failure."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "it ended before"
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.2)


def test_a_killed_training_leaves_nothing_half_done(project, client_of):
    before = sha256_file(project.folder / "models" / "model.keras")
    change(project.folder / "params.yaml", {"train.epochs": 500, "train.stop.threshold": 1.0})
    log = project.folder.parent / "log"
    process = project.start("dvc", "repro", "train", log=log)
    wait_for(lambda: "Epoch 3/" in log.read_text(errors="replace"), process)
    kill(process)
    # What was there before is still whole.
    assert sha256_file(project.folder / "models" / "model.keras") == before
    assert json.loads(project.read("reports/training.json"))["epochs"] == 4
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
    assert any("stages.train" in child.cmdline() for child in started)
    process.terminate()
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    _, alive = psutil.wait_procs(started, timeout=60)
    assert alive == [] and log.read_text(errors="replace").splitlines()[-1] == "digits: terminated"
    assert runs_of(client_of(project))[-1].info.status == "KILLED"


class MlflowServer:
    """`mlflow server` with a store of its own."""

    def __init__(self, project, folder):
        self.project, self.folder = project, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self):
        import requests

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


def test_a_lost_store_does_not_lose_the_training(project, client_of, tmp_path):
    server = MlflowServer(project, tmp_path)
    server.start()
    try:
        # `dvc repro` would do the same: the stage itself spares its time.
        change(project.folder / "params.yaml", {"train.epochs": 15, "train.stop.threshold": 1.0})
        log = tmp_path / "log"
        process = project.start("python", "-m", "stages.train", log=log, MLFLOW_TRACKING_URI=server.uri)
        wait_for(lambda: "Epoch 2/" in log.read_text(errors="replace"), process)
        server.kill()
        assert process.wait(timeout=300) == 0, log.read_text()
        assert "the MLflow store was lost, training goes on" in log.read_text()
        done = project.run("python", "-m", "stages.evaluate", MLFLOW_TRACKING_URI=server.uri, check=False)
        assert_one_line(done, "evaluate", server.uri)

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


def test_mlflow_run(project, client_of):
    client = client_of(project)
    run = ("mlflow", "run", ".", "--env-manager", "local")
    project.run(*run)
    first, started = runs_of(client)
    assert started.info.status == "FINISHED" and started.data.tags["reproduction_of"] == first.info.run_id
    assert_complete(client, started, project)

    project.run(*run, "-e", "train", "-P", "epochs=2")
    trained = runs_of(client)[-1]
    assert len(runs_of(client)) == 3 and "reproduction_of" not in trained.data.tags
    assert trained.data.params["train.epochs"] == "2" and trained.data.params["epochs"] == "2"
    assert trained.info.status == "FINISHED" and "test_accuracy" in trained.data.metrics

    before = project.read("params.yaml")
    done = project.run(*run, "-e", "train", "-P", "epochs=abc", check=False)
    assert done.returncode != 0 and project.read("params.yaml") == before
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("digits: ")]
    assert "train.epochs = 'abc': input should be a valid integer" in line and "Traceback" not in done.stderr


def assert_one_line(done, name, *expected):
    """A refusal: exit code 1, and one line on standard error that starts with the stage's name."""
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{name}: "), line
    for text in expected:
        assert text in line


@pytest.fixture(scope="module")
def broken(reproduced, tmp_path_factory):
    """One copy for all errors: what a test breaks, `mend` restores."""
    folder = tmp_path_factory.mktemp("broken") / "project"
    shutil.copytree(reproduced.folder, folder, symlinks=True)
    return Project(folder)


@pytest.fixture(autouse=True)
def mend(request):
    yield
    if "broken" in request.fixturenames:
        broken = request.getfixturevalue("broken")
        broken.run("git", "checkout", "-q", ".")
        broken.run("dvc", "checkout", "-q", "--force")


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_refuses_a_misspelt_key(broken, stage):
    change(broken.folder / "params.yaml", {"train.epoch": 3})
    done = broken.run("python", "-m", f"stages.{stage}", check=False)
    assert_one_line(done, stage, "params.yaml: unknown key train.epoch, did you mean train.epochs?")


def test_an_ill_typed_value_is_refused_before_anything_runs(broken):
    change(broken.folder / "params.yaml", {"train.epochs": "three"})
    done = broken.run("python", "-m", "stages.train", check=False)
    assert_one_line(done, "train", "train.epochs = 'three': input should be a valid integer")
    assert done.stdout == ""


@pytest.mark.parametrize("key", ["trian", "trian.epochs"])
def test_a_misspelt_section_is_refused_before_anything_runs(broken, key):
    """No stage reads it, so only the stage that reads all of params.yaml can know."""
    section, _, rest = key.partition(".")
    change(broken.folder / "params.yaml", {section: {rest: 3} if rest else 3})
    done = broken.run("dvc", "repro", check=False)
    assert done.returncode != 0 and broken.stages_run(done) == ["params"]
    assert "params: params.yaml: unknown key trian, did you mean train?" in done.stderr.splitlines()


def test_from_a_folder_within_the_project_it_is_the_same(broken):
    within = Project(broken.folder / "reports")
    assert "is complete; version 1" in within.run("python", "-m", "digits.cli", "sync").stdout
    done = within.run("python", "-m", "digits.cli", "promote", "champion", check=False)
    assert_one_line(done, "digits", "version 1 is champion already")


def test_wrong_bytes_are_refused(broken):
    change(broken.folder / "params.yaml", {"fetch.files.test_labels.sha256": "0" * 64})
    done = broken.run("dvc", "repro", "fetch", check=False)
    assert done.returncode != 0
    # What was there before is still whole.
    assert sorted(path.name for path in (broken.folder / "data" / "raw").iterdir()) == sorted(RAW_NAMES.values())
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("fetch: ")]
    assert "wrong bytes for t10k-labels-idx1-ubyte, rejected" in line and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("missing", "stage"),
    [
        ("data/raw", "validate"),
        ("data/raw", "preprocess"),
        ("data/processed", "train"),
        ("data/processed", "evaluate"),
        ("data/processed", "plot"),
        ("models/model.keras", "evaluate"),
        ("models/model.keras", "register"),
        ("reports/history.csv", "plot"),
        ("reports/metrics.json", "register"),
    ],
)
def test_a_missing_dependency_is_named(broken, missing, stage):
    path = broken.folder / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = broken.run("python", "-m", f"stages.{stage}", check=False)
    assert_one_line(done, stage, missing, "is missing: run `dvc repro")


def test_a_damaged_model_is_named(broken):
    path = broken.folder / "models" / "model.keras"
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:1000])
    done = broken.run("python", "-m", "stages.evaluate", check=False)
    assert_one_line(done, "evaluate", "models/model.keras is not a Keras model")


def test_a_dead_tracking_server_is_known_before_training(broken):
    done = broken.run("python", "-m", "stages.train", check=False, MLFLOW_TRACKING_URI=NOWHERE)
    assert_one_line(done, "train", f"the MLflow store {NOWHERE} does not answer", "MLFLOW_TRACKING_URI")
    assert "Epoch" not in done.stdout
    done = broken.run("python", "-m", "digits.cli", "sync", check=False, MLFLOW_TRACKING_URI=NOWHERE)
    assert_one_line(done, "digits", NOWHERE)


def test_a_name_that_is_taken_is_refused(broken, client_of, tmp_path):
    store = f"sqlite:///{tmp_path / 'taken.db'}"
    client_of(store).create_registered_model("digits")
    line = "'digits' was not made by this project: set another register.model_name"
    done = broken.run("python", "-m", "stages.register", check=False, MLFLOW_TRACKING_URI=store)
    assert_one_line(done, "register", line)
    # The whole pipeline would fail at its end: it does not begin.
    done = broken.run("python", "-m", "digits.cli", "repro", check=False, MLFLOW_TRACKING_URI=store)
    assert_one_line(done, "digits", line)
    assert done.stdout == ""


def test_another_python_is_refused(broken):
    """As `.venv/bin/dvc repro` would be, without the environment activated."""
    (broken.folder / ".venv").mkdir()
    try:
        done = broken.run(sys.executable, "-m", "stages.fetch", check=False, VIRTUAL_ENV="", CONDA_PREFIX="")
    finally:
        (broken.folder / ".venv").rmdir()
    assert_one_line(done, "digits", "run `source .venv/bin/activate` first, or `make repro`")
    assert Path(sys.executable).name in done.stderr

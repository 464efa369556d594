"""Fixtures: a project on the sample after its first `dvc repro`, and copies of it to play with."""

import json
import shutil
import time

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from ruamel.yaml import YAML
from support.project import Project, make_project
from support.stores import forget_store, move_artifacts

from digits.files import sha256_file
from digits.params import flatten, load_params

DOWNSTREAM = ["train", "evaluate", "plot", "register"]
STAGES = ["params", "fetch", "validate", "preprocess", "perturb", *DOWNSTREAM]


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


def copy_project(project, folder):
    """A copy of a project with a store and artifacts of its own."""
    shutil.copytree(project.folder, folder, symlinks=True)
    move_artifacts(folder / "mlflow.db", project.folder, folder)
    return Project(folder)


@pytest.fixture
def project(reproduced, tmp_path):
    """A copy to play with."""
    return copy_project(reproduced, tmp_path / "project")


@pytest.fixture(scope="module")
def broken(reproduced, tmp_path_factory):
    """One copy for all errors of a module: what a test breaks, `mend` restores."""
    return copy_project(reproduced, tmp_path_factory.mktemp("broken") / "project")


@pytest.fixture
def mend(broken):
    """Restores `broken` after the test."""
    yield broken
    broken.run("git", "checkout", "-q", ".")
    broken.run("dvc", "checkout", "-q", "--force")


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
    forget_store()


def runs_of(client):
    """All runs but the registry's history, oldest first."""
    experiments = [e.experiment_id for e in client.search_experiments() if e.name != "digits-history"]
    return client.search_runs(experiments, order_by=["attributes.start_time ASC"])


def artifacts_of(client, run_id, folder=None):
    """The paths of all artifacts of a run."""
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


def assert_one_line(done, name, *expected):
    """A refusal: exit code 1, and one line on standard error that starts with the stage's name."""
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{name}: "), line
    for text in expected:
        assert text in line


def wait_for(condition, process, seconds=120):
    """Poll until a condition holds; a process that ends meanwhile, or the time, is a failure."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "it ended before"
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.2)

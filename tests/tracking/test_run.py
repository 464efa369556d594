"""The life of a run in a real store: its parameters, its source, its name and its end."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support.params import FILE, default_params
from support.repository import commit, run_git

from digits.params import flatten
from digits.tracking import artifacts
from digits.tracking.processor import processor
from digits.tracking.run import (
    close_abandoned_runs,
    create_run,
    log_metrics,
    name_project_run,
    restored_tags,
    start_run,
)

PARAMS = default_params()


@pytest.fixture
def committed(repository, client):
    """A store, in a repository with these parameters."""
    Path("params.yaml").write_bytes(FILE.read_bytes())
    Path(".gitignore").write_text("store.db*\nmlartifacts/\n.digits/\n")
    commit("parameters")
    return client


def status(client, run_id):
    return client.get_run(run_id).info.status


def test_a_run_has_every_parameter_and_its_source(committed, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "Ada")
    run_id = start_run(committed, PARAMS)
    run = committed.get_run(run_id)
    assert run.data.params == {key: str(value) for key, value in flatten(PARAMS).items()}
    tags = run.data.tags
    assert tags["git_commit"] == run_git("rev-parse", "HEAD") and tags["git_dirty"] == "false"
    assert tags["mlflow.user"] == "Ada" and tags["mlflow.source.name"] == "dvc.yaml"
    assert run.info.run_name.endswith(" main") and run.info.status == "RUNNING"
    assert artifacts.download(committed, run_id, artifacts.PARAMS).read_bytes() == FILE.read_bytes()
    assert artifacts.download(committed, run_id, artifacts.PATCH) is None
    assert artifacts.RESTORED not in tags and restored_tags()[artifacts.RESTORED] == "true"


def test_what_no_commit_has_is_kept_as_a_patch(committed, tmp_path_factory):
    path = Path("params.yaml")
    path.write_bytes(path.read_bytes() + b"# more\n")
    run_id = start_run(committed, PARAMS)
    clone = tmp_path_factory.mktemp("clone") / "clone"
    run_git("clone", "-q", ".", str(clone))
    patch = artifacts.download(committed, run_id, artifacts.PATCH)
    subprocess.run(["git", "apply", str(patch)], cwd=clone, check=True)
    assert (clone / "params.yaml").read_bytes() == path.read_bytes()


def test_the_name_says_what_was_changed(committed, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "murky-axe")
    faster = PARAMS.model_copy(update={"train": PARAMS.train.model_copy(update={"epochs": 3})})
    run_id = start_run(committed, faster)
    assert committed.get_run(run_id).info.run_name == "murky-axe epochs=3"


def test_the_name_of_a_recipe_stands_for_what_it_sets(committed, monkeypatch):
    Path("recipes").mkdir()
    Path("recipes/fast.yaml").write_text("train: {epochs: 1, batch_size: 64}\n")
    commit("a recipe")
    monkeypatch.setenv("DVC_EXP_NAME", "murky-axe")
    for changes, name in (({}, "murky-axe recipe=fast"), ({"epochs": 3}, "murky-axe recipe=fast epochs=3")):
        train = PARAMS.train.model_copy(update={"epochs": 1, "batch_size": 64, **changes})
        run_id = start_run(committed, PARAMS.model_copy(update={"recipe": "fast", "train": train}))
        run = committed.get_run(run_id)
        assert run.info.run_name == name and run.data.params["recipe"] == "fast"


@pytest.mark.parametrize("cpu", ["portable", "native"])
def test_a_run_knows_the_processor_that_trains_and_a_restored_one_does_not(committed, cpu):
    train = PARAMS.train.model_copy(update={"cpu": cpu})
    tags = committed.get_run(start_run(committed, PARAMS.model_copy(update={"train": train}))).data.tags
    assert {key: tags[key] for key in (artifacts.PROCESSOR, artifacts.INSTRUCTIONS)} == processor(cpu).tags()
    assert restored_tags().keys().isdisjoint(processor(cpu).tags())


def test_the_run_of_mlflow_run_is_taken(committed, monkeypatch):
    experiment = committed.create_experiment("elsewhere")
    tags = {"mlflow.project.entryPoint": "train"}
    begun = committed.create_run(experiment, run_name="grumpy-fox-7", tags=tags).info.run_id
    committed.log_param(begun, "epochs", "unchanged")
    monkeypatch.setenv("MLFLOW_RUN_ID", begun)
    assert start_run(committed, PARAMS) == begun
    run = committed.get_run(begun)
    assert run.data.params["train.epochs"] == str(PARAMS.train.epochs) and run.data.params["epochs"] == "unchanged"
    assert run.info.run_name.endswith(" main") and run.data.tags["git_commit"] == run_git("rev-parse", "HEAD")
    # It belongs to that training now.
    name_project_run("digits pull")
    assert committed.get_run(begun).info.run_name == run.info.run_name
    assert start_run(committed, PARAMS) != begun


def test_the_run_of_a_command_is_called_by_what_the_command_does(committed, monkeypatch):
    experiment = committed.create_experiment("elsewhere")
    begun = committed.create_run(experiment, tags={"mlflow.project.entryPoint": "pull"}).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", begun)
    name_project_run("digits pull")
    assert committed.get_run(begun).info.run_name == "digits pull"


def test_a_run_whose_process_died_is_closed_and_no_other(committed):
    ended = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    host, created = socket.gethostname(), f"{psutil.Process(ended.pid).create_time():.0f}"
    mine = create_run(committed, PARAMS, {artifacts.PROCESS: f"{host} {ended.pid} {created}"})
    close_abandoned_runs(committed)
    assert status(committed, mine) == "RUNNING"
    ended.communicate(b"\n")
    elsewhere = create_run(committed, PARAMS, {artifacts.PROCESS: f"not-{host} {ended.pid} {created}"})
    by_hand = create_run(committed, PARAMS, {})
    # The system gave the number of the dead process to this one.
    reused = create_run(committed, PARAMS, {artifacts.PROCESS: f"{host} {os.getpid()} {created}1"})
    close_abandoned_runs(committed)
    assert [status(committed, run_id) for run_id in (mine, elsewhere, by_hand, reused)] == [
        "KILLED",
        "RUNNING",
        "RUNNING",
        "KILLED",
    ]


def test_the_next_training_closes_what_died_before(committed):
    dead = create_run(committed, PARAMS, {artifacts.PROCESS: f"{socket.gethostname()} 0 0"})
    present = start_run(committed, PARAMS)
    assert status(committed, dead) == "KILLED" and status(committed, present) == "RUNNING"


def test_metrics_have_their_step_and_are_linked_to_model_and_data(committed):
    from mlflow.entities import Dataset, DatasetInput

    run_id = create_run(committed, PARAMS, {})
    for epoch in (1, 2):
        log_metrics(committed, run_id, {"loss": 1 / epoch, "accuracy": epoch / 2}, step=epoch)
    assert [(m.step, m.value) for m in committed.get_metric_history(run_id, "loss")] == [(1, 1.0), (2, 0.5)]
    experiment = committed.get_run(run_id).info.experiment_id
    model_id = committed.create_logged_model(experiment, name="digits", source_run_id=run_id).model_id
    committed.log_inputs(run_id, [DatasetInput(Dataset("test", "d.dir", "dvc", "{}"))])
    log_metrics(committed, run_id, {"test_accuracy": 0.75}, model_id=model_id, digest="d.dir")
    (linked,) = committed.get_logged_model(model_id).metrics
    assert (linked.key, linked.value, linked.dataset_name, linked.dataset_digest) == (
        "test_accuracy",
        0.75,
        "test",
        "d.dir",
    )


def test_more_parameters_than_one_request_takes_are_all_logged(committed, monkeypatch):
    monkeypatch.setattr("digits.tracking.run._MOST_PARAMS", 7)
    run_id = create_run(committed, PARAMS, {})
    assert len(committed.get_run(run_id).data.params) == len(flatten(PARAMS)) > 14


@pytest.fixture
def begin(client, folder, monkeypatch, capsys):
    """Begins the run of a training in the current folder; gives its tags, and what was said."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    Path("params.yaml").write_bytes(FILE.read_bytes())

    def run():
        capsys.readouterr()
        run_id = start_run(client, PARAMS)
        return client.get_run(run_id).data.tags, capsys.readouterr().out

    return run


UNKNOWN = "train: without git, a repository and a commit in it, the run does not know which code made its model\n"


def test_a_run_without_a_source_says_so(begin, folder, monkeypatch):
    tags, said = begin()
    assert said == UNKNOWN and "git_commit" not in tags
    run_git("init", "-q")
    assert begin()[1] == UNKNOWN
    head = commit("first")
    tags, said = begin()
    assert said == "" and tags["git_commit"] == head and tags["git_folder"] == "."
    monkeypatch.setenv("PATH", str(folder))
    assert begin()[1] == UNKNOWN


def test_a_folder_of_ten_thousand_untracked_files_is_a_small_tag(begin, folder):
    run_git("init", "-q")
    commit("first")
    (folder / "digits").mkdir()
    for number in range(10_000):
        (folder / "digits" / f"module_{number}.py").touch()
    tags, _ = begin()
    assert len(tags["git_untracked"]) < 8000 and tags["git_untracked"].endswith(" more'")

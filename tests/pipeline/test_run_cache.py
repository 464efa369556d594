"""DVC's run cache: what was computed before is not computed again, and MLflow shows the run that made it."""

import shutil

import pytest
from support.pipeline import DOWNSTREAM, runs_of
from support.project import change

pytestmark = pytest.mark.slow


@pytest.mark.long
def test_going_back_to_parameters_restores_their_model(project, client_of):
    client = client_of(project)
    (first,) = runs_of(client)
    model = (project.folder / "models" / "model.keras").read_bytes()
    change(project.folder / "params.yaml", {"train.epochs": 2})
    assert set(DOWNSTREAM) <= set(project.stages_run(project.run("dvc", "repro")))
    change(project.folder / "params.yaml", {"train.epochs": 4})
    assert "train" not in project.stages_run(project.run("dvc", "repro"))
    assert (project.folder / "models" / "model.keras").read_bytes() == model
    assert project.run("git", "status", "--porcelain").stdout == ""
    # No new run, and no reproduction: the one that made the model is found.
    assert len(runs_of(client)) == 2
    done = project.run("python", "-m", "digits.cli", "sync")
    assert first.info.run_id in done.stdout and len(runs_of(client)) == 2


def test_a_deleted_model_comes_back_without_training(project, client_of):
    shutil.rmtree(project.folder / "models")
    (project.folder / "models").mkdir()
    assert project.stages_run(project.run("dvc", "repro")) == []
    assert (project.folder / "models" / "model.keras").is_file()
    assert len(runs_of(client_of(project))) == 1


def test_an_older_commit_comes_back_without_training(project, client_of):
    change(project.folder / "params.yaml", {"train.epochs": 2})
    project.run("dvc", "repro")
    project.run("git", "commit", "-qam", "Two epochs")
    project.run("git", "checkout", "-q", "HEAD~1")
    assert project.stages_run(project.run("dvc", "repro")) == []
    assert project.run("dvc", "status").stdout.strip().endswith("up to date.")
    assert len(runs_of(client_of(project))) == 2


def test_a_refused_parameter_costs_nothing_that_was_there(project):
    before = {path: path.read_bytes() for path in project.folder.glob("[dmr]*/**/*") if path.is_file()}
    for section in ("fetch", "train", "evaluate"):
        key = {"fetch": "fetch.timeout", "train": "train.epochs", "evaluate": "evaluate.confidence"}[section]
        change(project.folder / "params.yaml", {key: -1})
        done = project.run("dvc", "repro", "train" if section == "train" else "plot", check=False)
        assert done.returncode != 0 and project.stages_run(done) == ["params"], done.stdout
        project.run("git", "checkout", "-q", "params.yaml")
    after = {path: path.read_bytes() for path in before if path.is_file()}
    # Stage params itself leaves nothing but this file.
    assert {p.name for p in before} - {p.name for p in after} == {"params_checked.txt"}
    assert project.stages_run(project.run("dvc", "repro")) in ([], ["params"])


@pytest.mark.parametrize("room", ["tracking", "registry", "cli", "report", "serving", "experiments"])
def test_another_word_in_a_room_that_decides_no_byte_trains_nothing(project, room):
    for path in (project.folder / "digits" / room).glob("*.py"):
        path.write_text(path.read_text() + "\n# Another word.\n")
    done = project.run("dvc", "status", check=False)
    assert "train" not in done.stdout and "evaluate" not in done.stdout and "fetch" not in done.stdout

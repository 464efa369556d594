"""Running a pipeline with the real DVC: as it is, or with changed parameters."""

import shutil
from pathlib import Path

import pytest
from support.advice import follow, refusal
from support.params import FILE
from support.project import Project
from support.repository import commit, run_git

from digits import dvc
from digits.errors import DigitsError
from digits.experiments.reproduce import UNCHANGED, check, reproduce
from digits.params import load_params

PIPELINE = """
stages:
  train:
    cmd: grep epochs params.yaml > epochs.txt
    params: [train.epochs]
    outs: [epochs.txt]
"""


@pytest.fixture
def project(repository):
    """A pipeline of one stage, which writes down the number of epochs."""
    Path("params.yaml").write_bytes(FILE.read_bytes())
    Path("dvc.yaml").write_text(PIPELINE)
    Path("dvc.lock").unlink()
    Project(repository).run("dvc", "init", "-q")
    commit("pipeline")
    return repository


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["train.epoch=3"], "unknown key train.epoch, did you mean train.epochs?"),
        (["train.epochs=3", "train.batch_size=0"], "train.batch_size = 0: "),
        (["train.epochs"], "--set train.epochs: write section.key=value"),
        (["train.epochs.most=3"], "epochs is a value, not a section"),
    ],
)
def test_a_wrong_setting_is_refused_and_params_yaml_is_untouched(repository, settings, words):
    Path("params.yaml").write_bytes(FILE.read_bytes())
    Path("dvc.yaml").write_text(PIPELINE)
    with pytest.raises(DigitsError) as refused:
        reproduce(settings)
    assert words in str(refused.value)
    assert Path("params.yaml").read_bytes() == FILE.read_bytes() and not Path("epochs.txt").exists()


@pytest.mark.slow
def test_what_mlproject_passes_for_nothing_changes_nothing(project):
    reproduce([f"train.epochs={UNCHANGED}", f"train.learning_rate={UNCHANGED}"])
    assert "epochs: 15" in Path("epochs.txt").read_text()
    assert Path("params.yaml").read_bytes() == FILE.read_bytes() and dvc.experiments() == []
    assert dvc.locked_params(["train"]) == {"train.epochs": 15}


@pytest.mark.slow
def test_a_changed_parameter_makes_an_experiment(project):
    reproduce(["train.epochs=3", f"train.learning_rate={UNCHANGED}", "train.model.filters=[8, 16]"])
    assert "epochs: 3" in Path("epochs.txt").read_text()
    params = load_params().train
    assert (params.epochs, params.model.filters, params.learning_rate) == (3, [8, 16], 0.001)
    (experiment,) = dvc.experiments()
    assert experiment.baseline == run_git("rev-parse", "HEAD")


@pytest.mark.slow
def test_a_stage_that_fails_is_named_by_dvc(project, capfd):
    Path("dvc.yaml").write_text(PIPELINE.replace("grep epochs", "false"))
    with pytest.raises(DigitsError, match=r"^dvc repro failed, see above$"):
        reproduce([])
    assert "failed to reproduce 'train'" in capfd.readouterr().err


# --- What is refused before the pipeline runs, and before a store is made ---------------------------------------------


@pytest.fixture
def checked(repository, monkeypatch):
    """A committed project with real parameters, the current folder."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(repository.parent))
    shutil.copy(FILE, "params.yaml")
    Path("dvc.yaml").write_text("stages: {a: {cmd: true}}\n")
    (repository / ".dvc").mkdir()
    commit("parameters")
    return repository


def test_a_good_project_is_not_refused(checked):
    for settings in ([], ["train.epochs=3"], ["train.epochs=unchanged"]):
        check(settings)


def test_an_archive_without_a_repository_is_refused_and_the_way_out_works(checked, digits):
    shutil.rmtree(".git")
    message = refusal(check, [])
    assert message.startswith("DVC needs a git repository, and a downloaded archive has none: ")
    assert digits("repro") == (1, "", f"digits: {message}\n")
    # No store was made, and no folder for its locks.
    assert not Path("mlflow.db").exists() and not Path(".digits").exists()
    follow(message)
    check([])
    check(["train.epochs=3"])


def test_dvc_may_be_told_to_need_none(checked):
    shutil.rmtree(".git")
    Path(".dvc/config").write_text("[core]\n    no_scm = true\n")
    check([])
    assert "`dvc exp run` needs a git repository" in refusal(check, ["train.epochs=3"])


def test_without_the_program_git_the_pipeline_runs_but_no_experiment(checked, monkeypatch):
    monkeypatch.setenv("PATH", str(checked))
    check([])
    assert "`dvc exp run` needs git, which is not installed" in refusal(check, ["train.epochs=3"])


def test_a_wrong_setting_comes_first(checked):
    shutil.rmtree(".git")
    assert "unknown key train.epoch" in refusal(check, ["train.epoch=3"])


def test_a_torn_lock_is_known_before_the_store_is_made(checked, digits):
    Path("dvc.lock").write_text("<<<<<<< HEAD\n")
    code, out, err = digits("repro")
    assert (code, out) == (1, "") and err.startswith(
        "digits: dvc.lock has conflict markers of a git merge: `git checkout"
    )
    assert not Path("mlflow.db").exists()

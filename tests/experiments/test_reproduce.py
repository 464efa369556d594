"""What is refused before the pipeline runs, and before a store is made."""

import shutil
from pathlib import Path

import pytest
from support.advice import follow, refusal
from support.params import FILE
from support.repository import commit

from digits.experiments.reproduce import check


@pytest.fixture
def project(repository, monkeypatch):
    """A committed project with real parameters, the current folder."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(repository.parent))
    shutil.copy(FILE, "params.yaml")
    Path("dvc.yaml").write_text("stages: {a: {cmd: true}}\n")
    (repository / ".dvc").mkdir()
    commit("parameters")
    return repository


def test_a_good_project_is_not_refused(project):
    for settings in ([], ["train.epochs=3"], ["train.epochs=unchanged"]):
        check(settings)


def test_an_archive_without_a_repository_is_refused_and_the_way_out_works(project, digits):
    shutil.rmtree(".git")
    message = refusal(check, [])
    assert message.startswith("DVC needs a git repository, and a downloaded archive has none: ")
    assert digits("repro") == (1, "", f"digits: {message}\n")
    # No store was made, and no folder for its locks.
    assert not Path("mlflow.db").exists() and not Path(".digits").exists()
    follow(message)
    check([])
    check(["train.epochs=3"])


def test_dvc_may_be_told_to_need_none(project):
    shutil.rmtree(".git")
    Path(".dvc/config").write_text("[core]\n    no_scm = true\n")
    check([])
    assert "`dvc exp run` needs a git repository" in refusal(check, ["train.epochs=3"])


def test_without_the_program_git_the_pipeline_runs_but_no_experiment(project, monkeypatch):
    monkeypatch.setenv("PATH", str(project))
    check([])
    assert "`dvc exp run` needs git, which is not installed" in refusal(check, ["train.epochs=3"])


def test_a_wrong_setting_comes_first(project):
    shutil.rmtree(".git")
    assert "unknown key train.epoch" in refusal(check, ["train.epoch=3"])


def test_a_torn_lock_is_known_before_the_store_is_made(project, digits):
    Path("dvc.lock").write_text("<<<<<<< HEAD\n")
    code, out, err = digits("repro")
    assert (code, out) == (1, "") and err.startswith(
        "digits: dvc.lock has conflict markers of a git merge: `git checkout"
    )
    assert not Path("mlflow.db").exists()

"""`digits review`: what it refuses. What it finds on a pull request is in tests/ci."""

from pathlib import Path

from support.decisions import assert_refused
from support.params import FILE


def test_a_base_that_git_does_not_know_is_refused_and_nothing_is_written(repository, digits, monkeypatch):
    Path("params.yaml").write_text(FILE.read_text())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{repository / 'mlflow.db'}")
    assert_refused(digits("review", "verdict", "origin/mian", "--output", "v.md"), "origin/mian: no git revision")
    assert not Path("v.md").exists()
    assert digits("review", "verdict")[0] == 2


def test_a_project_that_never_ran_has_no_lock_to_check(repository, digits, monkeypatch):
    Path("params.yaml").write_text(FILE.read_text())
    Path("dvc.lock").unlink()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{repository / 'mlflow.db'}")
    assert_refused(digits("review", "lock"), "there is no dvc.lock: run `dvc repro`")

"""Git commands in real repositories, whatever the environment says of others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.project import ROOT
from support.repository import commit, make_repository, run_git

from digits import git


@pytest.fixture
def nested(tmp_path, monkeypatch):
    """A project in a sub-folder of a larger repository, which has a params.yaml of its own. Both have two commits."""
    monkeypatch.chdir(tmp_path)
    make_repository(tmp_path, monkeypatch)
    project = tmp_path / "models" / "digits"
    project.mkdir(parents=True)
    (project / "params.yaml").write_text("of: project\n")
    commit("second")
    (project / "params.yaml").write_text("of: project, changed\n")
    monkeypatch.chdir(project)
    return project


def test_output_is_stripped_and_a_failure_is_none(repository):
    assert git.git("log", "-1", "--format=%s%n") == "first"
    assert git.git("show", "no-such-revision") is None
    assert git.git_bytes("log", "-1", "--format=%s") == b"first\n"


def test_a_command_runs_in_the_folder_that_is_given(repository, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert git.git("rev-parse", "--show-prefix", folder=repository / "reports") == "reports/"
    assert git.git("rev-parse", "HEAD", folder=elsewhere) is None


def test_without_git_every_answer_is_none(repository, monkeypatch):
    monkeypatch.setenv("PATH", str(repository))
    assert git.git("status") is None and git.git_bytes("status") is None
    assert git.show("HEAD", "params.yaml") is None and git.commit_of("HEAD") is None


def test_bytes_that_are_no_text_are_kept_or_replaced(repository):
    Path("latin").write_bytes("größer".encode("latin-1"))
    commit("latin")
    assert git.git_bytes("show", "HEAD:latin") == "größer".encode("latin-1")
    assert git.git("show", "HEAD:latin") == "gr\ufffd\ufffder"


def test_a_file_is_shown_as_it_was_in_a_revision(repository):
    Path("params.yaml").write_text("later")
    commit("second")
    assert git.show("HEAD", "params.yaml") == "later"
    assert git.show("HEAD~1", Path("params.yaml")) == "train: {epochs: 1e1, stop: {mode: max}}"
    assert git.show("HEAD", Path("reports") / "metrics.json") == "{}"
    assert git.show("HEAD", "absent.yaml") is None and git.show("nothing", "params.yaml") is None


def test_a_path_starts_at_the_project_in_a_larger_repository(nested):
    assert git.show("HEAD", "params.yaml") == "of: project"
    # The first commit has the file at the top only.
    assert git.show("HEAD~1", "params.yaml") is None


def test_a_revision_means_a_commit(repository):
    first = run_git("rev-parse", "HEAD")
    run_git("tag", "-a", "v1", "-m", "annotated")
    run_git("branch", "other")
    Path("params.yaml").write_text("later")
    second = commit("second")
    assert git.commit_of("HEAD") == git.commit_of("main") == git.commit_of(second[:8]) == second
    assert git.commit_of("HEAD~1") == git.commit_of("v1") == git.commit_of("other") == first
    assert git.commit_of("absent") is None and git.commit_of("0" * 40) is None
    # A file or a folder of a commit is none.
    assert git.commit_of("HEAD:params.yaml") is None and git.commit_of("HEAD:reports") is None


def test_a_name_that_looks_like_an_option_is_a_revision(repository):
    assert git.commit_of("--all") is None and git.commit_of("-q") is None


@pytest.fixture
def foreign(repository, tmp_path_factory, monkeypatch):
    """Another repository, which the environment names as git does it for its hooks."""
    head = run_git("rev-parse", "HEAD")
    other = tmp_path_factory.mktemp("foreign")
    run_git("init", "-q", folder=other)
    (other / "params.yaml").write_text("of: another repository\n")
    commit("foreign", folder=other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    monkeypatch.setenv("GIT_PREFIX", "models/")
    return head


def test_the_repository_of_a_hook_is_not_ours(foreign):
    assert git.commit_of("HEAD") == foreign
    assert git.show("HEAD", "params.yaml") == "train: {epochs: 1e1, stop: {mode: max}}"
    Path("reports/metrics.json").write_text("[]")
    assert git.git("status", "--short") == "M reports/metrics.json"


def test_a_childs_environment_has_no_repository_and_all_the_rest(foreign, monkeypatch):
    monkeypatch.setenv("GIT_AUTHOR_NAME", "somebody")
    kept = git.environment()
    gone = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"}
    assert kept == {key: value for key, value in os.environ.items() if key not in gone}
    assert kept["GIT_AUTHOR_NAME"] == "somebody"


def test_no_variable_that_git_calls_local_is_inherited(monkeypatch):
    names = subprocess.run(["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=True)
    # `git -c` sets these, which belong to no repository.
    settings = {"GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"}
    for name in names.stdout.split():
        monkeypatch.setenv(name, "x")
    left = {name for name in git.environment() if os.environ[name] == "x" and name.startswith("GIT_")}
    assert left <= settings


def test_a_commit_from_within_a_hook_finds_its_own_project(repository, tmp_path_factory):
    """The real hook: git sets its variables itself."""
    other = tmp_path_factory.mktemp("hooked")
    run_git("init", "-q", folder=other)
    code = f"import os; os.chdir({str(repository)!r}); from digits import git; print(git.commit_of('HEAD'))"
    hook = other / ".git" / "hooks" / "pre-commit"
    hook.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" "{sys.executable}" -c "{code}" > found\n')
    hook.chmod(0o755)
    (other / "file").write_text("x")
    commit("with a hook", folder=other)
    assert (other / "found").read_text().strip() == run_git("rev-parse", "HEAD")

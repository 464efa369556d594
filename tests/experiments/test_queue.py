"""Where DVC's queue is refused before it trains, and that the way out works."""

from pathlib import Path

import pytest
from support.advice import follow, refusal
from support.repository import commit, run_git

from digits.experiments.queue import check_queue


@pytest.fixture
def project(repository):
    """A committed project with a little code, the current folder."""
    write("digits/split.py")
    commit("code")
    return repository


def write(name, text=""):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)


def clone_of(project, folder, monkeypatch, *how):
    """A clone of two commits, the current folder."""
    write("digits/split.py", "# Changed.\n")
    commit("second")
    run_git("clone", "-q", *how, f"file://{project}", str(folder / "clone"))
    monkeypatch.chdir(folder / "clone")


def test_a_good_repository_is_not_refused(project):
    check_queue("a sweep")


def test_a_shallow_clone_is_refused_and_the_way_out_works(project, tmp_path_factory, monkeypatch):
    clone_of(project, tmp_path_factory.mktemp("clone"), monkeypatch, "--depth", "1")
    message = refusal(check_queue, "a sweep")
    assert "this is a shallow clone" in message
    follow(message)
    check_queue("a sweep")


def test_a_partial_clone_is_refused_and_the_way_out_works(project, tmp_path_factory, monkeypatch):
    run_git("config", "uploadpack.allowFilter", "true")
    clone_of(project, tmp_path_factory.mktemp("clone"), monkeypatch, "--filter=blob:none")
    message = refusal(check_queue, "a sweep")
    assert "this is a partial clone" in message
    follow(message)
    check_queue("a sweep")


def test_much_untracked_code_is_one_line_and_the_way_out_works(project):
    for number in range(300):
        write(f"digits/new{number}.py")
    message = refusal(check_queue, "a sweep")
    assert " and 292 more: `git add digits`" in message and len(message) < 500
    follow(message)
    check_queue("a sweep")


def test_who_needs_the_queue_is_named_where_git_is_missing(project, monkeypatch):
    monkeypatch.setenv("PATH", str(project))
    assert "DVC's queue needs git, which is not installed" in refusal(check_queue, "DVC's queue")

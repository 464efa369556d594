"""Git commands in real repositories, whatever the environment says of others."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.advice import follow, refusal
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


# --- Nothing is touched ---------------------------------------------------------------------------------------------


@pytest.fixture
def watched(repository):
    """A repository whose hooks would write a file, and whose index no longer knows the times of its files."""
    for name in ("post-index-change", "post-checkout", "reference-transaction"):
        hook = repository / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\ntouch hooked\n")
        hook.chmod(0o755)
    Path("reports/metrics.json").write_text("[]")
    os.utime("params.yaml", (0, 0))
    return repository


COMMANDS = {
    "diff": lambda: git.diff("HEAD"),
    "names": lambda: git.names(git.diff("--name-only", "-z", "HEAD")),
    "show": lambda: git.show("HEAD", "params.yaml"),
    "commit_of": lambda: git.commit_of("HEAD"),
    "is_shallow": git.is_shallow,
    "remote_address": git.remote_address,
    "folder_within": git.folder_within,
    "read-tree": lambda: git.git_bytes("read-tree", "HEAD", index=Path("other-index")),
    "status": lambda: git.git("status"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_writes_into_the_repository_or_runs_its_hooks(watched, name):
    def state():
        files = [p for p in (watched / ".git").rglob("*") if p.is_file()]
        return {p: p.read_bytes() for p in files}, run_git("rev-parse", "--abbrev-ref", "HEAD")

    before = state()
    assert COMMANDS[name]() is not None
    assert state() == before and not (watched / "hooked").exists()


def test_a_diff_tells_changes_from_other_times_of_files(watched):
    assert git.names(git.diff("--name-only", "-z", "HEAD")) == ["reports/metrics.json"]


def test_a_change_of_the_same_second_and_size_is_seen_later(repository):
    Path("params.yaml").write_text("a: 1\n")
    commit("short")
    Path("params.yaml").write_text("a: 2\n")
    time.sleep(1.1)
    assert git.names(git.diff("--name-only", "-z", "HEAD")) == ["params.yaml"]


def test_names_come_as_they_are(repository):
    odd = ["a b.py", "größer.py", "line\nbreak.py", os.fsdecode(b"latin-\xf6.py")]
    for name in odd:
        Path(name).write_text("")
    run_git("add", "-A")
    assert set(odd) <= set(git.names(git.git_bytes("ls-files", "-z")))
    assert git.names(None) == git.names(b"") == []


# --- Repositories that git does not use, or that are not there ------------------------------------------------------


def test_a_repository_of_another_user_is_refused_and_the_way_out_works(repository, tmp_path_factory, monkeypatch):
    # Git's own tests use this variable.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path_factory.mktemp("home") / ".gitconfig"))
    for question in (lambda: git.commit_of("HEAD"), lambda: git.git("status"), lambda: git.diff("HEAD")):
        message = refusal(question)
        assert message.startswith("this repository belongs to another user, so git refuses it: ")
    follow(message)
    assert git.commit_of("HEAD") == run_git("rev-parse", "HEAD")


def test_broken_settings_are_named(repository):
    with (repository / ".git" / "config").open("a") as config:
        config.write("[core\n")
    message = refusal(git.commit_of, "HEAD")
    assert re.match(r"git cannot use this repository \(bad config line \d+ in file .git/config\): ", message)


def test_a_folder_of_a_worktree_lies_in_the_main_working_copy_as_well(repository, tmp_path_factory):
    worktree = tmp_path_factory.mktemp("elsewhere") / "worktree"
    run_git("worktree", "add", "-q", str(worktree))
    assert git.main_copy_of(worktree / "reports") == repository / "reports"
    assert git.main_copy_of(repository / "reports") is None
    assert git.main_copy_of(worktree.parent) is None


def test_a_worktree_without_its_repository_is_named(repository, tmp_path_factory, monkeypatch):
    """As in a container that has the worktree alone."""
    worktree = tmp_path_factory.mktemp("elsewhere") / "worktree"
    run_git("worktree", "add", "-q", str(worktree))
    (repository / ".git").rename(repository / "moved.git")
    monkeypatch.chdir(worktree)
    message = refusal(git.commit_of, "HEAD")
    assert re.match(r"\.git names the repository .*/\.git/worktrees/worktree, which is not there: ", message)


def test_what_needs_a_commit_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("a: 1\n")
    no_repository = refusal(git.require_commit, "a sweep")
    assert no_repository.startswith("a sweep needs a git repository, and a downloaded archive has none: ")
    run_git("init", "-q")
    no_commit = refusal(git.require_commit, "a sweep")
    assert no_commit.startswith("a sweep needs a commit to start from, and there is none yet: ")
    follow(no_commit)
    git.require_commit("a sweep")
    shutil.rmtree(".git")
    follow(no_repository)
    git.require_commit("a sweep", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "a sweep needs git, which is not installed: install it" in refusal(git.require_commit, "a sweep")


# --- Clones and remotes ---------------------------------------------------------------------------------------------


def test_a_clone_may_be_shallow(repository, tmp_path_factory):
    assert not git.is_shallow()
    Path("params.yaml").write_text("later")
    commit("second")
    clone = tmp_path_factory.mktemp("clone") / "clone"
    run_git("clone", "-q", "--depth", "1", f"file://{repository}", str(clone))
    assert git.is_shallow(clone)
    run_git("fetch", "-q", "--unshallow", folder=clone)
    assert not git.is_shallow(clone)


def test_a_clone_may_be_partial(repository, tmp_path_factory):
    run_git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path_factory.mktemp("clone") / "clone"
    for url in (str(repository), f"file://{repository}"):
        run_git("clone", "-q", "--filter=blob:none", url, str(clone))
        Path("params.yaml").write_text(f"later in {url}")
        commit("second")
        run_git("pull", "-q", folder=clone)
        assert git.is_partial(clone)
        # A clone of a folder has all files.
        assert git.lacks_objects(clone) == url.startswith("file:")
        if git.lacks_objects(clone):
            run_git("fetch", "-q", "--refetch", "--no-filter", folder=clone)
            assert not git.lacks_objects(clone)
        shutil.rmtree(clone)
    assert not git.lacks_objects() and not git.is_partial()


def test_a_folder_is_known_from_the_top(nested):
    assert git.folder_within() == "models/digits" and git.folder_within(nested.parents[1]) == "."


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        (None, "{top}"),
        ("https://me:secret@example.org/digits.git", "https://example.org/digits.git"),
        ("https://token@example.org/digits.git", "https://example.org/digits.git"),
        ("https://example.org/digits.git", "https://example.org/digits.git"),
        ("git@example.org:me/digits.git", "git@example.org:me/digits.git"),
        ("ssh://git@example.org/digits.git", "ssh://git@example.org/digits.git"),
        ("models", "{top}/models"),
    ],
)
def test_the_address_to_clone_from_has_no_password(nested, remote, address):
    if remote:
        run_git("remote", "add", "origin", remote)
    assert git.remote_address() == address.format(top=nested.parents[1])


def test_outside_a_repository_there_is_no_address(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git.remote_address(tmp_path) is None and git.folder_within(tmp_path) == "." and not git.is_shallow(tmp_path)

"""The raw data of a revision: from DVC's real cache, a remote, a worktree and a sub-folder of a larger repository."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.repository import commit, make_repository, run_git

from digits import dvc
from digits.data.idx import format_idx
from digits.data.raw import RAW_NAMES
from digits.data.revisions import raw_data, revision
from digits.errors import DigitsError

pytestmark = pytest.mark.slow

STAGE = "stages: {fetch: {cmd: 'true', outs: [data/raw]}}"


def run_dvc(*words):
    subprocess.run([sys.executable, "-m", "dvc", *words, "-q"], check=True)


def write_raw(first_label=0):
    folder = Path("data/raw")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for key, name in RAW_NAMES.items():
        shape = (4, 2, 2) if "images" in key else (4,)
        (folder / name).write_bytes(format_idx(np.arange(np.prod(shape), dtype=np.uint8).reshape(shape) + first_label))


def commit_data(first_label):
    write_raw(first_label)
    run_dvc("commit", "-f")
    return commit(f"data {first_label}")


@pytest.fixture
def two_revisions(request, tmp_path, monkeypatch):
    """Commits with labels from 1 and from 2 on, in a repository of its own or below a common `.dvc`."""
    make_repository(tmp_path, monkeypatch)
    run_dvc("init")
    folder = getattr(request, "param", ".")
    Path(folder).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(folder)
    Path("dvc.lock").unlink(missing_ok=True)
    Path("dvc.yaml").write_text(STAGE)
    Path(".gitignore").write_text("/data\n")
    yield commit_data(1), commit_data(2)
    dvc._cache_folders.cache_clear()


def first_labels(of):
    return [split.labels[0] for split in raw_data(of).values()]


@pytest.mark.parametrize("two_revisions", [".", "models/digits"], indirect=True)
def test_the_data_are_those_of_the_revision_and_of_the_working_tree(two_revisions):
    write_raw(3)
    assert [first_labels(revision(name)) for name in ("HEAD~1", "main")] == [[1, 1], [2, 2]]
    assert first_labels(None) == [3, 3]
    assert raw_data(revision("HEAD"))["train"].images[1].tolist() == [[6, 7], [8, 9]]


@pytest.mark.slow
@pytest.mark.parametrize("two_revisions", ["models/digits"], indirect=True)
def test_a_worktree_reads_the_cache_of_the_main_working_copy(two_revisions, tmp_path_factory, monkeypatch):
    place = Path.cwd().relative_to(run_git("rev-parse", "--show-toplevel"))
    worktree = tmp_path_factory.mktemp("elsewhere") / "worktree"
    run_git("worktree", "add", "-q", str(worktree))
    monkeypatch.chdir(worktree / place)
    assert first_labels(revision("HEAD~1")) == [1, 1]


@pytest.mark.slow
def test_what_the_cache_lacks_comes_from_the_remote(two_revisions, tmp_path_factory):
    remote = tmp_path_factory.mktemp("remote")
    run_dvc("remote", "add", "-d", "store", str(remote))
    run_dvc("push")
    cache = Path(run_git("rev-parse", "--show-toplevel"), ".dvc", "cache")
    shutil.rmtree(cache)
    assert first_labels(revision("HEAD")) == [2, 2]
    # Only the newest data were pushed.
    with pytest.raises(DigitsError, match=r"^HEAD~1: data/raw is not in DVC's cache, nor could it be fetched \(the re"):
        raw_data(revision("HEAD~1"))
    run_dvc("remote", "modify", "store", "url", "s3://bucket")
    with pytest.raises(DigitsError, match=r"requires 'dvc-s3'.*: `dvc fetch -A data/raw` says more, `git checkout 'HE"):
        raw_data(revision("HEAD~1"))
    run_dvc("remote", "remove", "store")
    with pytest.raises(DigitsError, match=r"and no remote is set: `dvc remote add -d NAME URL`, or `git checkout 'H"):
        raw_data(revision("HEAD~1"))


def test_a_revision_without_data_and_a_name_of_none_are_refused(repository):
    with pytest.raises(DigitsError, match=r"^HEAD: no stage has data/raw as an out in its dvc.lock: choose an"):
        raw_data(revision("HEAD"))
    for name in ("nowhere", "--all", "HEAD:params.yaml"):
        with pytest.raises(DigitsError, match=f"^{name}: no git revision or DVC experiment is called so"):
            revision(name)


def test_without_a_repository_it_says_what_is_needed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DigitsError, match=r"^comparing revisions needs a git repository"):
        revision("HEAD")


def test_damaged_data_are_named_by_their_revision(two_revisions):
    name = RAW_NAMES["train_labels"]
    Path("data/raw", name).write_bytes(format_idx(np.zeros(3, np.uint8)))
    run_dvc("commit", "-f")
    commit("torn")
    with pytest.raises(DigitsError, match=f"^HEAD:data/raw/{name}: 3 labels for the 4 images of HEAD:data/raw/train"):
        raw_data(revision("HEAD"))
    Path("data/raw", name).unlink()
    run_dvc("commit", "-f")
    commit("lost")
    with pytest.raises(DigitsError, match=f"^HEAD:data/raw/{name} is not among the data that its dvc.lock names"):
        raw_data(revision("HEAD"))

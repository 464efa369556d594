"""How a run begins, in stores and folders of all kinds."""

from pathlib import Path

import pytest
from support.params import FILE
from support.repository import commit, run_git

from digits.params import load_params
from digits.tracking.run import start_run


@pytest.fixture
def begin(client, folder, monkeypatch, capsys):
    """Begins the run of a training in the current folder; gives its tags, and what was said."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    Path("params.yaml").write_bytes(FILE.read_bytes())

    def run():
        capsys.readouterr()
        run_id = start_run(client, load_params())
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

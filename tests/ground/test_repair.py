"""The command that brings back a file, in each state that git may have it in. Those of DVC are in test_dvc_files.py."""

from pathlib import Path

import pytest
from support.advice import follow, refusal
from support.repository import commit, run_git

from digits.repair import command_for, read_checked

NAME = Path("settings.txt")


def parse(text):
    """A good file has a number."""
    return int(text)


def test_a_good_file_is_read(repository):
    NAME.write_text("7\n")
    assert read_checked(NAME, parse, "{}") == 7


@pytest.mark.parametrize("content", [b"", b"seven", b"\xff7", b"7\n<<<<<<< HEAD\n"])
def test_a_bad_one_comes_back_from_the_index(repository, content):
    NAME.write_text("7\n")
    commit("good")
    NAME.write_bytes(content)
    message = refusal(read_checked, NAME, parse, "{} brings it back")
    why = "has conflict markers of a git merge" if b"<<<" in content else "cannot be read, it may be torn"
    assert message == f"settings.txt {why}: `git checkout settings.txt` brings it back"
    follow(message)
    assert read_checked(NAME, parse, "{}") == 7


def test_what_follows_is_part_of_the_command(repository):
    NAME.write_text("")
    message = refusal(read_checked, NAME, parse, "{}", " && touch done")
    follow(message)
    assert not NAME.exists() and Path("done").exists()


def conflict(ours, theirs):
    """A merge of two contents of the file."""
    NAME.write_text("0\n")
    commit("base")
    run_git("checkout", "-qb", "theirs")
    NAME.write_text(theirs)
    commit("theirs")
    run_git("checkout", "-q", "main")
    NAME.write_text(ours)
    commit("ours")
    run_git("merge", "-q", "theirs", check=False)


@pytest.mark.parametrize(
    ("ours", "theirs", "command", "number"),
    [
        ("1\n", "2\n", "git checkout --ours settings.txt", 1),
        ("torn", "2\n", "git checkout --theirs settings.txt", 2),
        ("torn", "torn as well", "rm settings.txt", None),
    ],
)
def test_of_a_merge_the_side_is_taken_that_can_be_read(repository, ours, theirs, command, number):
    conflict(ours, theirs)
    assert command_for(NAME, parse) == command
    follow(f"`{command}`")
    assert NAME.exists() == (number is not None)
    if number:
        assert read_checked(NAME, parse, "{}") == number


def test_of_a_torn_index_the_commit_is_taken(repository):
    NAME.write_text("7\n")
    commit("good")
    NAME.write_text("torn")
    run_git("add", str(NAME))
    assert command_for(NAME, parse) == "git checkout HEAD settings.txt"
    commit("torn as well")
    assert command_for(NAME, parse) == "rm settings.txt"


def test_names_survive_the_shell_and_paths_start_where_the_person_is(repository, monkeypatch):
    folder = repository / "my files"
    folder.mkdir()
    (folder / "it's.txt").write_text("7\n")
    commit("good")
    (folder / "it's.txt").write_text("")
    monkeypatch.chdir(repository / "reports")
    message = refusal(read_checked, folder / "it's.txt", parse, "{}")
    assert message.startswith("../my files/it's.txt cannot be read")
    follow(message)
    assert (folder / "it's.txt").read_text() == "7\n"


def test_without_a_repository_it_is_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert command_for(NAME, parse) == "rm settings.txt"

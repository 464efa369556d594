"""The command that brings back a file which a merge or a kill left unreadable. Whether it works: test_dvc_files.py."""

import json
from pathlib import Path

import pytest
from support.repository import commit, run_git

from digits.errors import DigitsError
from digits.repair import command_for, read_checked

GOOD, TORN = '{"a": 1}', '{"a": '


@pytest.fixture
def file(repository):
    """A file in a folder, committed."""
    path = Path("notes of mine/a note.json")
    path.parent.mkdir()
    path.write_text(GOOD)
    commit("good")
    return path


def in_conflict(file, ours, theirs):
    """Merge a branch in which the file has other lines. Git's index has both."""
    run_git("checkout", "-qb", "other")
    for branch, text in (("other", theirs), ("main", ours)):
        run_git("checkout", "-q", branch)
        file.write_text(text)
        commit(branch)
    run_git("merge", "-q", "other", check=False)


def test_a_good_file_is_what_is_parsed(file):
    assert read_checked(file, json.loads, "never said") == {"a": 1}


@pytest.mark.parametrize("content", [TORN.encode(), b"", b"\xff\xfe"])
def test_a_torn_file_is_taken_from_git(file, content):
    file.write_bytes(content)
    with pytest.raises(DigitsError) as refused:
        read_checked(file, json.loads, "{} helps", then=" && make")
    command = "git checkout 'notes of mine/a note.json' && make"
    assert str(refused.value) == f"{file} cannot be read, it may be torn: `{command}` helps"


def test_what_is_offered_is_a_source_that_can_be_read(file):
    name = "'notes of mine/a note.json'"
    file.write_text(TORN)
    assert command_for(file, json.loads) == f"git checkout {name}"
    run_git("add", "-A")
    assert command_for(file, json.loads) == f"git checkout HEAD {name}"
    commit("torn")
    assert command_for(file, json.loads) == f"rm {name}"


@pytest.mark.parametrize(
    ("ours", "theirs", "command"),
    [('{"a": 2}', '{"a": 3}', "git checkout --ours"), (TORN, '{"a": 3}', "git checkout --theirs"), ("[", TORN, "rm")],
)
def test_one_side_of_a_merge_is_offered(file, ours, theirs, command):
    in_conflict(file, ours, theirs)
    with pytest.raises(DigitsError, match=f"has conflict markers of a git merge: `{command} "):
        read_checked(file, json.loads, "{}")

"""Which untracked files matter, in real repositories."""

import sys
from pathlib import Path

import pytest
from support.repository import commit, run_git

from digits.tracking import untracked
from digits.tracking.source import source_tags
from digits.tracking.untracked import untracked_sources


@pytest.fixture
def code(repository, monkeypatch):
    """A committed project with a little code, as `python -m stages` finds it."""
    write("digits/__init__.py", "stages/__init__.py")
    write("digits/split.py", text="import json\nfrom mylib.cuts import cut\n")
    write("stages/train.py", text="def main():\n    import shapes, numpy\n    from . import other\n")
    write("digits/table.py", text="NAME = 'table.json'\n")
    commit("code")
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    return repository


def write(*names, text=""):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


IRRELEVANT = (
    "scratch.py",
    "test.py",
    "setup.py",
    "notebook.ipynb",
    "scratch/one.py",
    "notes/__init__.py",
    "venv/lib/python3.11/site-packages/thing.py",
    "data/local/convert.py",
    "digits/notes.txt",
    "digits/__pycache__/old.cpython-311.pyc",
    "json/without_init.py",
)
RELEVANT = (
    "digits/new.py",
    "digits/deep/new.py",
    "stages/mine.py",
    "digits/fast.abi3.so",
    # A file that the code reads by its name.
    "digits/model/table.json",
    # Named by an import in the project's code.
    "shapes.py",
    "mylib/cuts.py",
    # Found before a module of Python's or of a library that this process has loaded.
    "json.py",
    "pytest/__init__.py",
)


@pytest.mark.parametrize("name", IRRELEVANT)
def test_what_no_import_reaches_does_not_matter(code, name):
    write(name)
    assert untracked_sources() == [] and "git_untracked" not in source_tags()


@pytest.mark.parametrize("name", RELEVANT)
def test_what_an_import_reaches_is_named(code, name):
    write(name)
    assert untracked_sources() == [name] and source_tags()["git_untracked"] == name
    run_git("add", name)
    # It is in the patch now.
    assert untracked_sources() == [] and name in source_tags()["git_changed"]


def test_imports_are_followed_through_untracked_files(code):
    write("shapes.py", text="import helper\n")
    write("helper.py", text="import broken\n")
    write("broken.py", text="def (:\n")
    write("lonely.py")
    assert untracked_sources() == ["broken.py", "helper.py", "shapes.py"]


def test_a_file_that_git_ignores_matters_as_well(code):
    write(".gitignore", text="*.py\n")
    write("digits/secret.py")
    assert untracked_sources() == ["digits/secret.py"]


def test_a_folder_of_the_import_path_counts_and_the_environments_does_not(code, monkeypatch):
    write("src/shapes.py", ".venv/lib/shapes.py")
    monkeypatch.setattr(sys, "path", [str(code / "src"), str(code / ".venv" / "lib")])
    monkeypatch.setattr(sys, "prefix", str(code / ".venv"))
    assert untracked.untracked_sources() == ["src/shapes.py"]


def test_a_large_environment_is_not_walked(code, monkeypatch):
    write("venv/lib/thing.py")
    seen = []
    walk = Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda self, pattern: seen.append(self.name) or walk(self, pattern))
    untracked_sources()
    assert set(seen) == {"digits", "stages"}


def test_the_pipelines_own_files_matter(code):
    for name in ("dvc.yaml", "params.yaml"):
        run_git("rm", "-q", "--cached", name)
    write("requirements.lock")
    assert untracked_sources() == ["dvc.yaml", "params.yaml", "requirements.lock"]


def test_an_archive_unpacked_in_another_repository_is_untracked_as_a_whole(code, tmp_path, monkeypatch):
    project = code / "unpacked"
    project.mkdir()
    monkeypatch.chdir(project)
    write("digits/split.py", "stages/train.py", "dvc.yaml", "params.yaml")
    assert untracked_sources() == ["digits/split.py", "dvc.yaml", "params.yaml", "stages/train.py"]

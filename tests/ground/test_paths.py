from pathlib import Path

import pytest

from digits.paths import project_root, state


@pytest.mark.parametrize("inside", [".", "reports", ".dvc/tmp/exps/standalone/abc", ".dvc/tmp/exps/queue/x/reports"])
def test_the_root_is_the_main_working_copy(repository, inside):
    folder = repository / inside
    folder.mkdir(parents=True, exist_ok=True)
    if ".dvc" in inside:
        (repository / Path(*Path(inside).parts[:5]) / "dvc.yaml").write_text("stages: {}")
    assert project_root(folder) == repository.resolve()


@pytest.mark.parametrize("of_dvc", [".", "models/digits"], ids=["one .dvc for all", "a .dvc of the project"])
@pytest.mark.parametrize("kind", ["standalone/abc", "tmpabc"])
def test_the_root_in_a_larger_repository_is_the_project(tmp_path, of_dvc, kind):
    """DVC copies the whole repository into the `.dvc` that it works with."""
    project = tmp_path / "models" / "digits"
    copy = tmp_path / of_dvc / ".dvc" / "tmp" / "exps" / kind
    for folder in (project, copy / "models" / "digits"):
        (folder / "reports").mkdir(parents=True)
        (folder / "dvc.yaml").touch()
    (copy / of_dvc / ".dvc").mkdir()
    for folder in (project, project / "reports", copy / "models" / "digits", copy / "models" / "digits" / "reports"):
        assert project_root(folder) == project.resolve()


def test_outside_a_project_the_root_is_the_folder_itself(tmp_path):
    assert project_root(tmp_path) == tmp_path.resolve()


def test_notes_are_kept_in_the_main_working_copy(repository, monkeypatch):
    copy = repository / ".dvc/tmp/exps/standalone/abc"
    copy.mkdir(parents=True)
    for folder in (repository, repository / "reports", copy):
        monkeypatch.chdir(folder)
        assert state() == repository.resolve() / ".digits"

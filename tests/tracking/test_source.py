"""The source of a run, in real repositories."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.advice import follow, refusal
from support.repository import commit, run_git

from digits.registry.lineage import few
from digits.tracking.source import (
    changed_params,
    committed_params,
    committed_recipe,
    joined,
    run_name,
    source_tags,
    split,
    uncommitted_patch,
)


def test_a_clean_tree(repository):
    tags = source_tags()
    assert tags["git_commit"] == tags["mlflow.source.git.commit"] == run_git("rev-parse", "HEAD")
    assert tags["git_dirty"] == "false" and tags["git_branch"] == "main" and "dvc_experiment" not in tags


def test_what_the_pipeline_writes_does_not_make_the_tree_dirty(repository):
    Path("dvc.lock").write_text("2")
    Path("reports/metrics.json").write_text("[]")
    assert source_tags()["git_dirty"] == "false"


def test_a_change_of_source_makes_the_tree_dirty_staged_or_not(repository):
    Path("params.yaml").write_text("train: {epochs: 3}\n")
    for _ in range(2):
        tags = source_tags()
        assert tags["git_dirty"] == "true" and tags["git_changed"] == "params.yaml"
        run_git("add", "params.yaml")


def test_an_experiment_is_compared_with_its_baseline(repository, monkeypatch):
    # DVC commits the changed parameters in the experiment's own copy before its stages run.
    baseline = run_git("rev-parse", "HEAD")
    Path("params.yaml").write_text("train: {epochs: 3}\n")
    commit("experiment")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", baseline)
    monkeypatch.setenv("DVC_EXP_NAME", "murky-axe")
    tags = source_tags()
    assert tags["git_commit"] == baseline and tags["git_changed"] == "params.yaml"
    assert tags["dvc_experiment"] == "murky-axe"


def test_without_git_there_are_no_tags(tmp_path, monkeypatch):
    for name in ("DVC_EXP_BASELINE_REV", "DVC_EXP_NAME", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert source_tags() == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert source_tags() == {}


def test_changed_params_are_those_that_differ_from_the_commit(repository):
    now = {"train.epochs": 10.0, "train.stop.mode": "min", "train.new": 1}
    # 1e1 is a number to YAML 1.2 and to DVC.
    committed = committed_params(run_git("rev-parse", "HEAD"))
    assert changed_params(now, committed) == {"train.stop.mode": "min", "train.new": 1}
    assert committed_params(None) is None and committed_params("0" * 40) is None


@pytest.mark.parametrize("text", ["a: [", "- 1", ""])
def test_a_broken_committed_file_hides_nothing_else(repository, text):
    Path("params.yaml").write_text(text)
    commit("broken")
    assert committed_params(run_git("rev-parse", "HEAD")) is None


def test_names_tell_runs_apart():
    changed = {"train.learning_rate": 0.002, "train.model.filters": [8]}
    assert run_name({"dvc_experiment": "murky-axe"}, changed) == "murky-axe learning_rate=0.002"
    assert run_name({"git_branch": "main"}, {}).endswith(" main")
    many = {f"train.key{i}": i for i in range(5)}
    assert run_name({"dvc_experiment": "x"}, many) == "x key0=0 key1=1 key2=2 +2 more"
    assert len(run_name({"dvc_experiment": "x"}, {"train.key": "y" * 500})) == 120


SETTINGS = (
    "diff.noprefix=true", "color.ui=always", "diff.external=false", "diff.context=0", "diff.mnemonicPrefix=true",
    "diff.relative=false", "diff.suppressBlankEmpty=true", "diff.wsErrorHighlight=all", "diff.renames=copies",
    "diff.algorithm=patience", "diff.noIndex=true", "diff.ignoreSubmodules=all", "diff.autoRefreshIndex=true",
)  # fmt: skip
HOSTILE = {
    "GIT_DIFF_OPTS": "--unified=0", "GIT_EXTERNAL_DIFF": "false", "GIT_LITERAL_PATHSPECS": "1",
    "GIT_ICASE_PATHSPECS": "1", "GIT_GLOB_PATHSPECS": "1", "GIT_NOGLOB_PATHSPECS": "1", "GIT_TRACE": "1",
    "GIT_TRACE2": "1", "GIT_PAGER": "false", "GIT_NAMESPACE": "other", "GIT_DIR": "/nowhere",
    "GIT_INDEX_FILE": "/nowhere", "GIT_WORK_TREE": "/", "GIT_CONFIG_PARAMETERS": "'diff.noprefix'='true'",
    "LC_ALL": "de_DE.UTF-8", "GIT_OBJECT_DIRECTORY": "/nowhere", "GIT_PREFIX": "reports/",
    "GIT_QUARANTINE_PATH": "/nowhere", "GIT_CEILING_DIRECTORIES": "/nowhere", "GIT_OPTIONAL_LOCKS": "1",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_no_variable_of_gits_changes_what_a_run_says_of_itself(repository, monkeypatch, name):
    Path("notes.txt").write_text("a\nb\nc\nd\ne\n")
    commit("notes")
    Path("notes.txt").write_text("a\nb\nC\nd\ne\n")
    Path("dvc.lock").write_text("changed by the pipeline\n")
    before = source_tags(), uncommitted_patch("HEAD"), committed_params("HEAD")
    assert before[0]["git_changed"] == "notes.txt"
    monkeypatch.setenv(name, HOSTILE[name])
    assert (source_tags(), uncommitted_patch("HEAD"), committed_params("HEAD")) == before


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_patch_can_be_applied_whatever_the_users_git_and_bytes(repository, tmp_path_factory, setting):
    Path("notes.txt").write_bytes(b"one\ntwo\n\n")
    Path("latin").write_bytes("größer\n".encode("latin-1"))
    commit("files")
    head = run_git("rev-parse", "HEAD")
    # A blank line ends the context of the change, and so the patch.
    Path("notes.txt").write_bytes(b"one\nTWO\n\n")
    Path("latin").write_bytes("kleiner, nicht größer\n".encode("latin-1"))
    run_git("config", *setting.split("="))
    patch = uncommitted_patch(head)
    run_git("config", "--unset", setting.partition("=")[0])
    clone = tmp_path_factory.mktemp("clone") / "clone"
    run_git("clone", "-q", ".", str(clone))
    subprocess.run(["git", "apply"], cwd=clone, input=patch, check=True)
    for name in ("notes.txt", "latin"):
        assert (clone / name).read_bytes() == Path(name).read_bytes()
    run_git("stash")
    assert uncommitted_patch(head) == b""


# --- The surroundings of a repository -------------------------------------------------------------------------------


@pytest.fixture
def nested(repository, monkeypatch):
    """The project in a sub-folder of a larger repository, which has files of the same names at its top."""
    project = repository / "models" / "digits"
    project.mkdir(parents=True)
    for name in ("dvc.yaml", "params.yaml", "notes.txt"):
        (project / name).write_text("train: {epochs: 2}\n" if name == "params.yaml" else "stages: {}\n")
    commit("nested")
    monkeypatch.chdir(project)
    return project


def test_in_a_larger_repository_only_the_project_counts(nested):
    (nested.parents[1] / "params.yaml").write_text("of: somebody else\n")
    tags = source_tags()
    assert tags["git_folder"] == "models/digits" and tags["git_dirty"] == "false"
    Path("params.yaml").write_text("train: {epochs: 3}\n")
    Path("dvc.lock").write_text("2")
    assert source_tags()["git_changed"] == "params.yaml"
    assert committed_params("HEAD") == committed_params("HEAD", "models/digits") == {"train.epochs": 2}
    assert committed_params("HEAD", ".") == {"train.epochs": 10.0, "train.stop.mode": "max"}
    # The patch starts at the project, so that it can be applied wherever that lies.
    assert b"diff --git a/params.yaml b/params.yaml" in uncommitted_patch("HEAD")


def test_the_commits_parameters_are_found_from_a_folder_within(nested, monkeypatch):
    (nested / "reports").mkdir()
    monkeypatch.chdir(nested / "reports")
    assert committed_params("HEAD") == {"train.epochs": 2}


def test_a_detached_head_has_no_branch(repository):
    run_git("checkout", "-q", "--detach")
    tags = source_tags()
    assert "git_branch" not in tags and tags["git_commit"] == run_git("rev-parse", "HEAD")
    assert run_name(tags, {"train.epochs": 3}).endswith(" epochs=3")


def test_a_worktree_has_its_own_branch_and_changes(repository, tmp_path_factory, monkeypatch):
    worktree = tmp_path_factory.mktemp("elsewhere") / "worktree"
    run_git("worktree", "add", "-q", "-b", "side", str(worktree))
    Path("params.yaml").write_text("changed in the main one\n")
    monkeypatch.chdir(worktree)
    tags = source_tags()
    assert tags["git_branch"] == "side" and tags["git_dirty"] == "false"


def test_without_a_commit_there_is_no_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_git("init", "-q", "-b", "main")
    assert source_tags() == {"git_branch": "main"}


def test_a_source_that_git_refuses_is_no_run_without_a_source(repository, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path_factory.mktemp("home") / ".gitconfig"))
    follow(refusal(source_tags))
    assert source_tags()["git_branch"] == "main"


# --- Lists of files -------------------------------------------------------------------------------------------------


def test_changed_files_with_odd_names_are_listed(repository):
    for name in ("my notes.md", "größer.md", "it's.md"):
        Path(name).write_text("x")
    run_git("add", "-A")
    assert set(split(source_tags()["git_changed"])) == {"my notes.md", "größer.md", "it's.md"}


@given(st.lists(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=30), max_size=50))
def test_a_list_of_names_survives_as_text(names):
    assert split(joined(names)) == names


@pytest.mark.parametrize("count", [0, 1, 100, 10_000, 300_000])
def test_a_long_list_is_cut_and_says_so(count):
    names = [f"venv/lib/module_{number}.py" for number in range(count)]
    text = joined(names)
    # MLflow refuses or cuts a tag of more than 8,000 characters.
    assert len(text) < 8000
    back = split(text)
    if count <= 100:
        assert back == names
    else:
        assert back[:100] == names[:100] and back[-1] == f"and {count - len(back) + 1} more"
    shown = few(back)
    assert len(shown) < 300 and (f" and {count - 8} more" in shown) == (count > 8)


def test_names_that_no_text_can_hold_are_readable(repository):
    assert joined(["line\nbreak.py", "latin-\udcf6.py"]) == "'line?break.py' 'latin-?.py'"


@pytest.mark.parametrize("text", ["", "params.yaml digits/a.py", "it's.py b.py"])
def test_tags_of_older_versions_are_read(text):
    assert split(text) == text.split()


def test_the_recipe_of_a_commit_is_the_one_of_then(repository):
    Path("recipes").mkdir()
    Path("recipes/seed.yaml").write_text("train: {epochs: 15, seed: 1}\n")
    Path("recipes/fast.yaml").write_text("train: {epochs: 1}\n")
    then = commit("recipes")
    Path("recipes/fast.yaml").write_text("train: {epochs: [\n")
    torn = commit("torn")
    assert committed_recipe("fast", then) == {"train.epochs": 1, "train.seed": 1}
    assert committed_recipe("seed", torn) == {"train.epochs": 15, "train.seed": 1}
    unknown = [("fast", torn), ("mine", then), (None, then), ("fast", None), ("fast", "0" * 40)]
    assert [committed_recipe(*one) for one in unknown] == [None] * len(unknown)

"""The source of a run, in real repositories."""

import subprocess
from pathlib import Path

import pytest
from support.repository import commit, run_git

from digits.tracking.source import changed_params, committed_params, run_name, source_tags, uncommitted_patch


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


@pytest.mark.parametrize("setting", ["diff.noprefix=true", "color.ui=always", "diff.external=false", "diff.context=0"])
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

"""The scripts of ci/ on a real project, as the workflows call them."""

import shutil

import pytest
from ruamel.yaml import YAML
from support.pipeline import copy_project
from support.project import change, make_project

from digits.review.verdict import MARKER

CHANGED = {"register.gates.max_size_mb": 19}


def settings_of(remote):
    """DVC's settings with a folder as its remote, as a secret of a repository has them."""
    return f"[core]\n    remote = there\n['remote \"there\"']\n    url = {remote}\n"


def locked(project):
    """The stages in a project's dvc.lock."""
    return YAML(typ="safe").load(project.read("dvc.lock"))["stages"]


@pytest.fixture
def pull_request(reproduced, tmp_path):
    """A project with a commit on a branch whose name a shell could take for a command."""
    project = copy_project(reproduced, tmp_path / "project")
    project.run("git", "branch", "base;touch${IFS}pwned")
    project.run("git", "switch", "-qc", "pull-request")
    return project


@pytest.fixture
def files(tmp_path):
    """A project in which nothing ran."""
    return make_project(tmp_path)


def test_check_is_make_check(files):
    # `make` says what it would run.
    done = files.run("ci/check", MAKEFLAGS="n")
    assert "ruff check ." in done.stdout and "not slow" in done.stdout


@pytest.mark.long
@pytest.mark.slow
def test_a_stale_lock_fails_in_one_line_and_the_verdict_says_so(pull_request, tmp_path):
    change(pull_request.folder / "params.yaml", CHANGED)
    pull_request.run("git", "commit", "-qam", "Without dvc repro")
    done = pull_request.run("ci/reproduce", check=False)
    assert done.returncode == 1 and "ci: no DVC remote is set: what no cache has is computed anew" in done.stdout
    assert done.stderr.splitlines()[-1] == (
        "digits: dvc.lock is stale: params (register.gates.max_size_mb); register (register.gates.max_size_mb): "
        "run `dvc repro` and commit dvc.lock"
    )
    summary = tmp_path / "summary"
    run = {
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_SERVER_URL": "https://example.org",
        "GITHUB_REPOSITORY": "a/b",
        "GITHUB_RUN_ID": "9",
    }
    pull_request.run("ci/verdict", "base;touch${IFS}pwned", PULL_REQUEST="7", **run)
    text = pull_request.read("ci-report/verdict.md")
    assert text.startswith(f"{MARKER}\n## digits: dvc.lock is stale\n") and summary.read_text() == text
    assert "| <code>register.gates.max_size_mb</code> | <code>20</code> | <code>19</code> |" in text
    assert "the artifact verdict of https://example.org/a/b/actions/runs/9" in text and "Left out" not in text
    assert pull_request.read("ci-report/number") == "7\n"
    assert (pull_request.folder / "ci-report" / "plots" / "confusion.png").is_file()
    assert not (pull_request.folder / "pwned").exists()
    # Nothing of CI is in the way of a commit.
    assert pull_request.run("git", "status", "--porcelain").stdout.split() == ["M", "dvc.lock"]


def test_nothing_is_promoted_where_there_is_no_registry(files):
    done = files.run("ci/promote")
    assert "no MLFLOW_TRACKING_URI is set" in done.stdout
    assert files.run("ci/verdict", check=False).returncode == 2


@pytest.mark.long
@pytest.mark.slow
def test_a_model_comes_from_the_remote_and_a_worse_one_is_refused(pull_request, tmp_path):
    settings = settings_of(tmp_path / "remote")
    (pull_request.folder / ".dvc" / "config.local").write_text(settings)
    pull_request.run("dvc", "push", "--run-cache")
    change(pull_request.folder / "params.yaml", {"train.epochs": 2})
    pull_request.run("dvc", "repro")
    pull_request.run("dvc", "push", "--run-cache")
    pull_request.run("git", "commit", "-qam", "Two epochs")
    # As in a job: neither a cache, nor outs, nor a store.
    for name in (".dvc/config.local", "mlflow.db", "models/model.keras", "models/model.tflite"):
        (pull_request.folder / name).unlink()
    for name in (".dvc/cache", "mlartifacts", "data/raw", "data/processed"):
        shutil.rmtree(pull_request.folder / name)
    done = pull_request.run("ci/reproduce", DVC_CONFIG_LOCAL=settings)
    assert pull_request.stages_run(done) == [] and done.stdout.endswith("digits: dvc.lock is what this commit makes\n")
    pull_request.run("ci/verdict", "main", DVC_CONFIG_LOCAL=settings)
    text = pull_request.read("ci-report/verdict.md")
    assert (
        "## digits: would be refused\n" in text
        and "Against the model of main, which stands in for the champion" in text
    )
    assert "| Against the base | **worse**: -" in text and "Left out" not in text
    # The store now has this model as its first version, which is champion.
    done = pull_request.run(
        "ci/promote", check=False, MLFLOW_TRACKING_URI=pull_request.store(), DVC_CONFIG_LOCAL=settings
    )
    assert done.returncode == 1 and done.stderr.endswith("digits: version 1 is champion already\n")


@pytest.mark.long
@pytest.mark.slow
def test_a_remote_that_cannot_be_read_and_another_processor_do_not_fail(pull_request, tmp_path):
    (tmp_path / "remote").write_text("no folder")
    settings = settings_of(tmp_path / "remote")
    lock = pull_request.read("dvc.lock")
    md5 = locked(pull_request)["train"]["outs"][0]["md5"]
    other = lock.replace(md5, "c0ffee" + md5[6:])
    (pull_request.folder / "dvc.lock").write_text(other)
    pull_request.run("git", "commit", "-qam", "As another processor trained it")
    done = pull_request.run("ci/reproduce", DVC_CONFIG_LOCAL=settings)
    assert "ci: the DVC remote cannot be read" in done.stdout
    assert "but train made other bytes here: no run of this store says" in done.stdout

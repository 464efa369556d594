"""The project in every kind of repository: experiments, names, lineage and sweeps, by the real commands."""

import json
import shutil
from pathlib import Path

import pytest
from support.advice import commands, follow
from support.long import long_after
from support.pipeline import copy_project
from support.project import Project, change

pytestmark = pytest.mark.slow

UNREADABLE = ['{"test": {"n"', "", "[]", "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> theirs\n"]


def tracked(project):
    """What git would bring elsewhere."""
    return project.run("git", "ls-files", "-z").stdout.split("\0")[:-1]


def copy_files(project, folder, *, of_dvc=True):
    for name in tracked(project):
        if of_dvc or not name.startswith(".dvc/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project.folder / name, folder / name)


def larger_repository(folder):
    """A repository with files of the same names at its top."""
    folder.mkdir()
    top = Project(folder)
    for name in ("params.yaml", "README.md"):
        (folder / name).write_text("of: somebody else\n")
    top.run("git", "init", "-q", "-b", "main")
    top.run("git", "add", "-A")
    top.run("git", "commit", "-qm", "Others")
    return top


def sub_folder(reproduced, tmp_path):
    top = larger_repository(tmp_path / "top")
    copy_files(reproduced, top.folder / "models" / "digits")
    top.run("git", "add", "-A")
    top.run("git", "commit", "-qm", "Digits")
    return Project(top.folder / "models" / "digits")


def below_a_common_dvc(reproduced, tmp_path):
    top = larger_repository(tmp_path / "top")
    top.run("dvc", "init", "-q")
    top.run("dvc", "config", "core.analytics", "false")
    copy_files(reproduced, top.folder / "models" / "digits", of_dvc=False)
    top.run("git", "add", "-A")
    top.run("git", "commit", "-qm", "Digits")
    return Project(top.folder / "models" / "digits")


def worktree(reproduced, tmp_path):
    main = copy_project(reproduced, tmp_path / "main")
    main.run("git", "worktree", "add", "-q", "-b", "side", str(tmp_path / "worktree"))
    return Project(tmp_path / "worktree")


def submodule(reproduced, tmp_path):
    top = larger_repository(tmp_path / "top")
    top.run("git", "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(reproduced.folder), "digits")
    top.run("git", "commit", "-qm", "Digits")
    return Project(top.folder / "digits")


def use_cache(project, reproduced, tmp_path):
    """Give a project a copy of the cache of the first run."""
    shutil.copytree(reproduced.folder / ".dvc" / "cache", tmp_path / "cache")
    project.run("dvc", "config", "--local", "cache.dir", str(tmp_path / "cache"))


# Whether DVC's queue and a rebuild are tried as well, which take the longest.
KINDS = {sub_folder: True, below_a_common_dvc: True, worktree: False, submodule: False}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Enters a project, where `digits` then runs in this process."""
    import mlflow

    def enter(project, folder="."):
        monkeypatch.chdir(project.folder / folder)
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    yield enter
    mlflow.set_tracking_uri(None)


# One of them is enough for every change.
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind is worktree else [pytest.mark.long]) for kind in KINDS],
    ids=lambda kind: kind.__name__,
)
def test_experiments_names_and_lineage(reproduced, tmp_path, kind, here, digits):
    project = kind(reproduced, tmp_path)
    use_cache(project, reproduced, tmp_path)
    project.run("dvc", "checkout", "-q")
    head = project.run("git", "rev-parse", "HEAD").stdout.strip()
    project.run("dvc", "exp", "run", "-n", "changed", "-S", "train.epochs=1", "train")

    here(project)
    project.run("git", "checkout", "-q", ".")
    project.run("dvc", "checkout", "-q")
    assert digits("sync")[0] == 0
    # From a folder within the project as well.
    here(project, "reports")
    code, out, err = digits("compare", "champion", "HEAD", "--json")
    assert code == 0, err
    champion, revision = json.loads(out)["models"]
    assert revision["model_sha256"] == champion["model_sha256"] and revision["labels"]["version"] == "1"
    code, out, err = digits("lineage", "changed", "--json")
    assert code == 0, err
    lineage = json.loads(out)
    assert lineage["run_name"] == "changed epochs=1" and lineage["changed"] == {"train.epochs": 1}
    assert lineage["commit"] == head and lineage["changed_files"] == ["params.yaml"]
    assert lineage["untracked_files"] == [] and lineage["rebuild"][-1] == "dvc exp run -S train.epochs=1 train"

    here(project)
    if KINDS[kind]:
        code, out, err = digits("sweep", "-S", "train.epochs=1", "--seeds", "1", "--name", "swept")
        assert code == 0, err
        assert digits("lineage", "swept-1", "--json")[0] == 0
        code, out, err = digits("lineage", "changed", "--verify")
        assert code == 0 and "the bytes match" in out, err
    assert project.run("git", "rev-parse", "HEAD").stdout.strip() == head
    assert project.run("git", "status", "--porcelain", ":(top)").stdout == ""
    # The project's store is the only one.
    assert {path.parent for path in tmp_path.rglob("mlflow.db")} <= {project.folder, tmp_path / "main"}


@pytest.mark.long
def test_names_that_dvcs_own_commands_give(project, tmp_path, here, digits):
    """`dvc exp rename`, `save`, `branch`, `apply`, `push` and `pull`."""
    project.run("dvc", "remote", "add", "-d", "-q", "storage", str(tmp_path / "storage"))
    project.run("git", "commit", "-qam", "A remote")
    project.run("dvc", "exp", "run", "-n", "tried", "-S", "train.epochs=1")
    here(project)
    sha256 = json.loads(digits("lineage", "tried", "--json")[1])["model_sha256"]
    project.run("dvc", "exp", "rename", "tried", "renamed")
    project.run("dvc", "exp", "save", "-n", "saved")
    project.run("dvc", "exp", "branch", "renamed", "branched")
    for name, experiment in (("renamed", "renamed"), ("saved", "saved"), ("branched", "tried"), ("tried", "tried")):
        lineage = json.loads(digits("lineage", name, "--json")[1])
        assert (lineage["model_sha256"], lineage["dvc_experiment"]) == (sha256, experiment)
        (model,) = json.loads(digits("compare", name, "--json")[1])["models"]
        assert (model["name"], model["model_sha256"], model["labels"]["experiment"]) == (name, sha256, experiment)
        code, out, err = digits("promote", name, "--dry-run")
        assert (code == 1 and "against champion 1" in out + err) or "not registered" in err, (out, err)
    assert " renamed " in digits("compare", "champion", "renamed")[1]

    project.run("git", "checkout", "-q", ".")
    project.run("dvc", "exp", "apply", "renamed")
    assert json.loads(digits("lineage", "models/model.keras", "--json")[1])["model_sha256"] == sha256

    remote, away = tmp_path / "remote.git", tmp_path / "away"
    project.run("git", "init", "-q", "--bare", str(remote))
    project.run("git", "remote", "add", "elsewhere", str(remote))
    project.run("git", "push", "-q", "elsewhere", "main")
    project.run("dvc", "exp", "push", "elsewhere", "renamed")

    project.run("git", "clone", "-q", str(remote), str(away), "-b", "main")
    other = Project(away)
    other.run("dvc", "exp", "pull", "--no-cache", "origin", "renamed")
    here(other)
    code, _, err = digits("compare", "renamed")
    assert code == 1 and "renamed: reports/predictions.csv is not in DVC's cache: `dvc exp apply renamed && " in err
    other.run("dvc", "exp", "pull", "origin", "renamed")
    code, out, err = digits("compare", "renamed", "--json")
    assert code == 0, err
    (model,) = json.loads(out)["models"]
    assert (model["name"], model["model_sha256"]) == ("renamed", sha256)
    # This store has no run of it. The way out writes one.
    code, _, err = digits("lineage", "renamed")
    assert code == 1 and commands(err) == ["dvc exp apply renamed && dvc repro && digits sync"]
    follow(err.replace("digits sync", "python -m digits.cli sync"), away)
    assert json.loads(digits("lineage", "renamed", "--json")[1])["model_sha256"] == sha256


def test_an_archive_without_a_repository(reproduced, tmp_path, here, digits, monkeypatch):
    """As a ZIP of a web page: the refusal leaves nothing, and its way out makes a project."""
    copy_files(reproduced, tmp_path / "unpacked")
    project = Project(tmp_path / "unpacked")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    done = project.run("dvc", "repro", "params", check=False)
    assert done.returncode != 0 and "is not a git repository" in done.stderr
    here(project)
    code, _, err = digits("repro")
    assert code == 1 and err.startswith("digits: DVC needs a git repository") and err.count("\n") == 1
    assert not (project.folder / "mlflow.db").exists() and not (project.folder / ".digits").exists()
    follow(err, project.folder)
    use_cache(project, reproduced, tmp_path)
    code, out, err = digits("repro")
    assert code == 0 and "digits version 1, champion" in out, err


@pytest.mark.long
def test_a_merge_in_conflict(project, here, digits):
    """Two people trained: dvc.lock and the reports are in conflict, params.yaml was resolved."""
    project.run("git", "checkout", "-qb", "theirs")
    for branch, epochs in (("theirs", 1), ("main", 2)):
        project.run("git", "checkout", "-q", branch)
        change(project.folder / "params.yaml", {"train.epochs": epochs})
        project.run("dvc", "repro", "train")
        project.run("git", "commit", "-qam", f"{epochs} epochs")
    project.run("git", "merge", "-q", "theirs", check=False)
    project.run("git", "checkout", "--ours", "params.yaml")
    here(project)
    for name in ("dvc.lock", "reports/training.json"):
        assert "<<<<<<< " in Path(name).read_text()
    for command in ("sync", "register", "repro"):
        code, _, err = digits(command)
        assert code == 1 and err.count("\n") == 1, err
        assert commands(err) == ["git checkout --ours dvc.lock && dvc repro"]
    # A revision is read as it was committed.
    assert digits("compare", "champion", "--json")[0] == 0
    follow(err, project.folder)
    assert "<<<<<<< " not in Path("reports/training.json").read_text()
    assert json.loads(Path("reports/training.json").read_text())["epochs"] == 2
    assert digits("sync")[0] == 0
    assert project.run("dvc", "status").stdout.strip().endswith("up to date.")


@pytest.mark.parametrize("content", long_after(1, UNREADABLE))
def test_a_report_that_cannot_be_read(project, here, digits, content):
    here(project)
    Path("reports/metrics.json").write_text(content)
    code, _, err = digits("lineage", "models/model.keras")
    assert code == 1 and err.count("\n") == 1 and "reports/metrics.json cannot be read (" in err
    assert commands(err) == ["dvc repro"]
    done = project.run("python", "-m", "stages", "plot", check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("plot: reports/metrics.json cannot be read (") and commands(done.stderr) == [
        "dvc repro"
    ]
    follow(done.stderr, project.folder)
    assert project.run("git", "status", "--porcelain").stdout == ""

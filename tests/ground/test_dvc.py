"""What DVC wrote, read from real files, repositories and caches of DVC."""

import getpass
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from ruamel.yaml import YAML
from support.processes import words_of
from support.project import ROOT
from support.repository import commit, run_git

from digits import dvc
from digits.errors import DigitsError

MODEL = hashlib.md5(b"a model").hexdigest()


def run_dvc(*words, folder=None):
    command = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def dvc_repository(repository):
    """The repository with DVC in it."""
    Path("dvc.lock").unlink()
    run_dvc("init", "-q")
    commit("dvc init")
    return repository


def lock(model=MODEL, **params):
    """A dvc.lock in which stage plot has read a model and a module."""
    deps = [{"path": "models/model.keras", "md5": model}, {"path": "x.py", "md5": "0"}]
    outs = [{"path": "reports/plots", "md5": "1.dir"}]
    stages = {"plot": {"deps": deps, "params": {"params.yaml": params}, "outs": outs}}
    with Path("dvc.lock").open("w") as file:
        YAML().dump({"schema": "2.0", "stages": stages}, file)


# --- Digests ------------------------------------------------------------------------------------------------------


def test_digest_is_the_one_that_dvc_writes(tmp_path):
    """Names chosen so that orders by path, by folder and by letter differ."""
    files = ["a.b/c", "a/b", "a-b/d", "a/é.json", "Z", "a/sub/deep/x", "empty"]
    for name in files:
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_text("" if name == "empty" else name)
    (tmp_path / "tree" / "no_files").mkdir()
    (tmp_path / "file.bin").write_bytes(bytes(range(256)))
    run_dvc("init", "-q", "--no-scm", folder=tmp_path)
    run_dvc("add", "-q", "tree", "file.bin", folder=tmp_path)
    for name in ("tree", "file.bin"):
        (out,) = YAML(typ="safe").load(tmp_path / f"{name}.dvc")["outs"]
        assert dvc.digest(tmp_path / name) == out["md5"]


def test_the_digest_is_that_of_json_with_sorted_names(tmp_path):
    (tmp_path / "tree").mkdir()
    for name in "ba":
        (tmp_path / "tree" / name).write_text(name)
    first = dvc.digest(tmp_path / "tree")
    (tmp_path / "tree" / "a").write_text("other")
    assert dvc.digest(tmp_path / "tree") != first
    # MD5 of "a" and "b", as RFC 1321 would have them.
    listing = [
        {"md5": "0cc175b9c0f1b6a831c399e269772661", "relpath": "a"},
        {"md5": "92eb5ffee6ae2fec3ad71c777531578f", "relpath": "b"},
    ]
    assert first == hashlib.md5(json.dumps(listing).encode()).hexdigest() + ".dir"


# --- dvc.lock -----------------------------------------------------------------------------------------------------


def test_without_a_lock_there_are_no_stages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert dvc.locked_stages() == {} and dvc.locked_params(["train"]) == {}


def test_the_lock_is_read_from_the_folder_or_from_a_revision(repository):
    lock()
    first = commit("locked")
    lock(model="2")
    assert dvc.locked_stages()["plot"]["deps"][0]["md5"] == "2"
    assert dvc.locked_stages(first)["plot"]["deps"][0]["md5"] == MODEL
    assert dvc.locked_stages("0" * 40) == {}


def test_the_lock_of_a_sub_folder_is_the_projects_own(repository, monkeypatch):
    project = repository / "models" / "digits"
    project.mkdir(parents=True)
    monkeypatch.chdir(project)
    Path("dvc.yaml").write_text("stages: {}")
    lock()
    commit("nested")
    assert list(dvc.locked_stages("HEAD")) == ["plot"]


@pytest.mark.parametrize("text", ["stages: {plot: {deps: [", "- 1", "stages: 3", "\x00", "stages:\n  a: 1\n  a: 2\n"])
def test_a_torn_lock_says_how_to_restore_it(repository, text):
    Path("dvc.lock").write_text(text)
    with pytest.raises(DigitsError, match=r"^dvc.lock cannot be read, it may be torn: `git checkout dvc.lock && dvc"):
        dvc.locked_stages()
    torn = commit("torn")
    with pytest.raises(DigitsError, match=f"^dvc.lock of {torn} cannot be read: choose another revision$"):
        dvc.locked_stages(torn)


def test_the_lock_of_a_merge_in_conflict_says_how_to_resolve_it(repository):
    lock(model="base")
    commit("base")
    run_git("checkout", "-qb", "theirs")
    lock(model="theirs")
    commit("theirs")
    run_git("checkout", "-q", "main")
    lock(model="ours")
    commit("ours")
    run_git("merge", "-q", "theirs", check=False)
    with pytest.raises(DigitsError, match=r"^dvc.lock has conflict markers of a git merge: `git checkout") as caught:
        dvc.locked_stages()
    # The first half of the advice works.
    (command,) = re.findall(r"`(git checkout --ours dvc.lock) && dvc repro`", str(caught.value))
    run_git(*command.split()[1:])
    assert dvc.locked_stages()["plot"]["deps"][0]["md5"] == "ours"


def test_a_stage_is_up_to_date_with_the_very_files_it_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    model = Path("models/model.keras")
    model.write_text("a model")
    assert not dvc.is_up_to_date("plot")
    lock()
    assert dvc.is_up_to_date("plot") and not dvc.is_up_to_date("register")
    model.write_text("another")
    assert not dvc.is_up_to_date("plot")
    model.unlink()
    assert not dvc.is_up_to_date("plot")


def test_locked_params_are_those_of_the_stages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lock(plot={"dpi": 120}, evaluate={"calibration_bins": 15})
    assert dvc.locked_params(["plot"]) == {"plot": {"dpi": 120}, "evaluate": {"calibration_bins": 15}}
    assert dvc.locked_params(["train"]) == {}


def test_an_out_has_the_digest_that_its_revision_locked(repository):
    lock()
    first = commit("locked")
    Path("dvc.lock").unlink()
    second = commit("unlocked")
    assert dvc.out_digest("reports/plots", first) == dvc.out_digest(Path("reports") / "plots", first) == "1.dir"
    # A dep is no out.
    assert dvc.out_digest("models/model.keras", first) is None
    assert dvc.out_digest("reports/plots", second) is None


# --- The cache ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("elsewhere", [False, True], ids=["default cache", "cache.dir elsewhere"])
def test_a_file_is_found_in_the_cache_wherever_that_is(dvc_repository, tmp_path_factory, elsewhere):
    cache = dvc_repository / ".dvc" / "cache"
    if elsewhere:
        cache = tmp_path_factory.mktemp("cache")
        run_dvc("config", "--local", "cache.dir", str(cache))
    Path("data").mkdir()
    for name in ("one", "two"):
        Path("data", name).write_text(name)
    Path("model").write_text("a model")
    run_dvc("add", "-q", "data", "model")
    found = dvc.cached(MODEL)
    assert found.read_text() == "a model" and found.is_relative_to(cache)
    folder = dvc.digest("data")
    assert dvc.cached_in_folder(folder, "two").read_text() == "two"
    assert dvc.cached_in_folder(folder, "three") is None
    assert dvc.cached("0" * 32) is None and dvc.cached_in_folder("0" * 32 + ".dir", "two") is None
    assert dvc.cached(None) is None and dvc.cached_in_folder(None, "two") is None


def test_without_dvc_nothing_is_cached(repository):
    assert dvc.cached(MODEL) is None


# --- Experiments --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_experiments_come_with_their_baseline_and_name_newest_first(dvc_repository):
    assert dvc.experiments() == []
    baseline = run_git("rev-parse", "HEAD")
    for name in ("slower", "faster"):
        Path("params.yaml").write_text(f"name: {name}\n")
        run_dvc("exp", "save", "-q", "-n", name)
        # Git records the time of a commit in whole seconds.
        time.sleep(1.1)
    newest, oldest = dvc.experiments()
    assert (newest.name, oldest.name) == ("faster", "slower")
    assert newest.baseline == oldest.baseline == baseline
    assert run_git("show", f"{oldest.ref}:params.yaml") == "name: slower"


# --- Running DVC --------------------------------------------------------------------------------------------------


def test_stages_find_this_python_first_and_no_repository_of_a_hook(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    found = dvc.environment()
    assert "PYTHONSAFEPATH" not in found
    assert found["PATH"] == f"{Path(sys.executable).parent}{os.pathsep}/usr/bin"
    assert "GIT_DIR" not in found


def test_a_failure_of_dvc_is_one_line_after_its_own(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DigitsError, match=r"^dvc status failed, see above$"):
        dvc.run("status")
    assert "not inside of a DVC repository" in capfd.readouterr().err
    dvc.run("version")
    assert "DVC version" in capfd.readouterr().out


def test_commits_of_dvcs_have_an_author_where_git_knows_none(repository, monkeypatch):
    monkeypatch.setenv("HOME", str(repository))
    monkeypatch.setenv("LOGNAME", "somebody")
    found = dvc.environment()
    for role in ("AUTHOR", "COMMITTER"):
        assert found[f"GIT_{role}_NAME"] == "somebody" and found[f"GIT_{role}_EMAIL"].startswith("somebody@")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "me")
    assert dvc.environment()["GIT_AUTHOR_NAME"] == "me"
    run_git("config", "user.name", "settled")
    assert dvc.environment()["GIT_COMMITTER_NAME"] == "settled"
    run_git("config", "user.email", "settled@example.org")
    assert "GIT_COMMITTER_NAME" not in dvc.environment()


def test_a_user_without_a_name_has_one_for_dvc(repository, monkeypatch):
    """As in a container that runs under a number of its own."""

    def nobody():
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert dvc.environment()["LOGNAME"] == f"user{os.getuid()}"


@pytest.mark.slow
def test_an_experiment_needs_no_identity_of_gits(dvc_repository, monkeypatch, tmp_path_factory):
    """DVC alone fails where files were changed: the message is "Git user name and email must be configured"."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    Path("dvc.yaml").write_text("stages: {copy: {cmd: cp params.yaml out, deps: [params.yaml], outs: [out]}}")
    commit("a stage")
    Path("params.yaml").write_text("train: {epochs: 5}\n")
    dvc.run("exp", "run", "--queue", "-n", "queued", "-S", "train.epochs=6")
    dvc.run("exp", "run", "-n", "run", "-S", "train.epochs=7")
    assert [experiment.name for experiment in dvc.experiments()] == ["run"]


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["train.epochs=1", "train.epochs=1,2", "train.epochs=range(1,2)", "train.x=[1,2]"])
def test_dvc_calls_queued_experiments_so(dvc_repository, setting):
    Path("dvc.yaml").write_text("stages: {copy: {cmd: cp params.yaml out, deps: [params.yaml], outs: [out]}}")
    Path("params.yaml").write_text("train: {epochs: 5, x: [3]}\n")
    commit("a stage")
    said = run_dvc("exp", "run", "--queue", "-n", "a", "-S", setting)
    assert re.findall(r"Queued experiment '(.*?)'", said) == dvc.queued_names("a", [setting])


@pytest.mark.slow
def test_a_termination_ends_the_running_stage_as_well(dvc_repository):
    Path("dvc.yaml").write_text(f"stages: {{sleep: {{cmd: '{sys.executable} -c \"import time; time.sleep(300)\"'}}}}")
    code = """
from digits import dvc
from digits.program import one_line_errors
with one_line_errors("digits"):
    dvc.run("repro")
"""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code], env=env, stderr=subprocess.PIPE, text=True)
    ours = psutil.Process(process.pid)

    def sleeping():
        return [child for child in ours.children(recursive=True) if "time.sleep" in " ".join(words_of(child))]

    end = time.monotonic() + 60
    while not sleeping() and time.monotonic() < end:
        time.sleep(0.1)
    started = ours.children(recursive=True)
    assert sleeping()
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[1].splitlines()[-1] == "digits: terminated"
    assert process.returncode == 128 + signal.SIGTERM
    assert psutil.wait_procs(started, timeout=10)[1] == []

"""Files of DVC's that a merge or a kill left unreadable, and the commands that repair them, in real repositories."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.advice import commands, follow, refusal
from support.long import long_after
from support.processes import words_of
from support.repository import commit, make_repository, run_git

from digits import dvc
from digits.dvc_files import dvc_folder, mend_notes, refuse_unreadable

pytestmark = pytest.mark.slow

PIPELINE = "stages: {{train: {{cmd: {command}, deps: [params.yaml], outs: [model]}}}}\n"
TORN = {
    "dvc.lock": "schema: '2.0'\nstages:\n  train:\n    cmd: cp params.yaml model\n    dep",
    "dvc.yaml": "stages: {train: {cmd",
    ".dvc/config": "[core\n",
}


def run_dvc(*words):
    command = [sys.executable, "-m", "dvc", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A committed project with a stage that takes no time, after its run; the current folder."""
    make_repository(tmp_path, monkeypatch)
    Path("dvc.lock").unlink()
    Path("dvc.yaml").write_text(PIPELINE.format(command="cp params.yaml model"))
    assert run_dvc("init", "-q").returncode == 0
    assert run_dvc("repro").returncode == 0
    Path(".gitignore").write_text("/model\n/.digits\n")
    commit("run")
    return tmp_path


def in_conflict(name):
    """Merge a branch that changed the same lines of a file, and of dvc.lock."""
    run_git("checkout", "-qb", "theirs")
    for branch, number in (("theirs", 3), ("main", 4)):
        run_git("checkout", "-q", branch)
        Path("params.yaml").write_text(f"epochs: {number}\n")
        if name == "dvc.yaml":
            Path("dvc.yaml").write_text(PIPELINE.format(command=f"cat params.yaml > model; echo {number} >> model"))
        if name == ".dvc/config":
            Path(name).write_text(f"[core]\n    analytics = {'false' if number == 3 else 'true'}\n")
        run_dvc("repro")
        commit(branch)
    run_git("merge", "-q", "theirs", check=False)
    run_git("checkout", "--ours", "params.yaml")
    for other in {"dvc.lock", "dvc.yaml"} - {name}:
        run_git("checkout", "--ours", other, check=False)
    assert "<<<<<<< " in Path(name).read_text()


def with_committed_markers(name):
    in_conflict(name)
    commit("somebody was in a hurry")


def torn(name):
    Path(name).write_text(TORN[name])


def torn_and_staged(name):
    torn(name)
    run_git("add", name)


def torn_and_untracked(name):
    run_git("rm", "-q", "--cached", name)
    run_git("commit", "-qm", "not in git")
    torn(name)


def empty(name):
    Path(name).write_bytes(b"")


def no_text(name):
    Path(name).write_bytes(b"\xff\xfe\x00" * 50)


def without_git(name):
    torn(name)
    run_dvc("config", "--local", "core.no_scm", "true")
    Path(".git").rename("no-git")


STATES = {
    "in conflict": (in_conflict, "has conflict markers of a git merge", "git checkout --ours {}"),
    "with committed markers": (with_committed_markers, "has conflict markers of a git merge", "rm {}"),
    "torn": (torn, "cannot be read, it may be torn", "git checkout {}"),
    "torn and staged": (torn_and_staged, "cannot be read, it may be torn", "git checkout HEAD {}"),
    "torn and untracked": (torn_and_untracked, "cannot be read, it may be torn", "rm {}"),
    "empty": (empty, "cannot be read, it may be torn", "git checkout {}"),
    "no text": (no_text, "cannot be read, it may be torn", "git checkout {}"),
    "without git": (without_git, "cannot be read, it may be torn", "rm {}"),
}


@pytest.mark.parametrize("state", long_after(3, STATES))
def test_the_way_out_of_an_unreadable_lock_works(project, state, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    make, why, command = STATES[state]
    make("dvc.lock")
    assert run_dvc("status").returncode != 0
    message = refusal(refuse_unreadable, project)
    assert message == refusal(dvc.locked_stages) == refusal(dvc.run, "status")
    assert message.startswith(f"dvc.lock {why}: `{command.format('dvc.lock')} && dvc repro` ")
    follow(message)
    assert run_dvc("status").stdout.strip().endswith("up to date.")
    assert dvc.locked_stages()["train"]["outs"][0]["md5"] == dvc.digest("model")


@pytest.mark.parametrize("name", ["dvc.yaml", ".dvc/config"])
@pytest.mark.parametrize("state", ["in conflict", "torn"])
def test_what_a_person_wrote_is_edited_or_taken_back(project, state, name):
    make, why, command = STATES[state]
    make(name)
    message = refusal(refuse_unreadable, project)
    assert message == f"{name} {why}: edit it, or `{command.format(name)}` takes it back"
    follow(message)
    refuse_unreadable(project)
    assert run_dvc("status").returncode == 0


def test_settings_of_this_machine_are_removed(project):
    Path(".dvc/config.local").write_text("[core")
    assert run_dvc("status").returncode != 0
    message = refusal(dvc.run, "status")
    assert message.startswith(".dvc/config.local cannot be read, it may be torn: edit it, or `rm .dvc/config.local` ")
    follow(message)
    assert run_dvc("status").returncode == 0


def test_paths_start_where_the_person_is(project, monkeypatch):
    torn("dvc.yaml")
    monkeypatch.chdir(project / "reports")
    message = refusal(refuse_unreadable, project)
    assert commands(message) == ["git checkout ../dvc.yaml"]
    follow(message)
    refuse_unreadable(project)


def test_a_larger_repository_may_have_one_folder_of_dvcs(project):
    within = project / "models" / "digits"
    within.mkdir(parents=True)
    (within / "dvc.yaml").write_text("stages: {a: {cmd: true}}\n")
    assert dvc_folder(within) == project / ".dvc"
    torn(".dvc/config")
    assert refusal(refuse_unreadable, within).startswith(".dvc/config cannot be read")


@pytest.mark.parametrize("name", ["rwlock", "exps/rwlock", "exps/celery/broker/control/celery.exchange"])
def test_notes_that_a_kill_tore_are_mended(project, name, capfd):
    note = project / ".dvc" / "tmp" / name
    note.parent.mkdir(parents=True, exist_ok=True)
    queue = ("exp", "run", "--queue", "-S", "train.epochs=7", "train")
    contents = ["", '{"wri', "\0\0", "[[", *(["[]"] if name.endswith("rwlock") else [])]
    for content in contents:
        note.write_text(content)
        mend_notes(project)
        assert not note.exists()
        said = capfd.readouterr().err
        assert said == f"digits: removed .dvc/tmp/{name}, a note of DVC's that a killed process left torn\n"
    note.write_text("")
    assert run_dvc(*queue).returncode != 0 or run_dvc("repro", "-f").returncode != 0
    dvc.run(*queue)
    dvc.run("repro", "-f")


def test_notes_are_left_alone_while_dvc_runs(project):
    Path("dvc.yaml").write_text(PIPELINE.format(command="sleep 300"))
    process = psutil.Popen([sys.executable, "-m", "dvc", "repro"], stdout=subprocess.DEVNULL)
    note = project / ".dvc" / "tmp" / "rwlock"
    try:
        end = time.monotonic() + 60
        while not any("sleep" in words_of(child) for child in process.children(recursive=True)):
            assert time.monotonic() < end
            time.sleep(0.1)
        note.write_text("")
        message = refusal(mend_notes, project)
        assert f"dvc is running (process {process.pid})" in message and note.exists()
        follow(message)
        assert process.wait(timeout=60) != 0
    finally:
        for child in [*process.children(recursive=True), process] if process.is_running() else []:
            child.kill()
        for left in psutil.process_iter(["cmdline", "cwd"]):
            if left.info["cwd"] == str(project) and left.pid != os.getpid():
                left.kill()
    mend_notes(project)
    assert not note.exists()


def test_good_notes_are_left_alone(project, capfd):
    note = project / ".dvc" / "tmp" / "rwlock"
    note.write_text("{}")
    dvc.run("status")
    assert note.exists() and "removed" not in capfd.readouterr().err


def test_locks_that_a_killed_process_left_are_no_locks(project):
    from filelock import FileLock

    for content in ("", "4711\n", "{"):
        lock = project / ".digits" / "store.lock"
        lock.parent.mkdir(exist_ok=True)
        lock.write_text(content)
        with FileLock(lock, timeout=1):
            pass

"""The frame of every stage: whose Python and whose code it runs."""

import sys

import pytest
from support.advice import commands, follow
from support.pipeline import assert_one_line, wait_for
from support.project import ROOT, Project, copy_code, kill


@pytest.fixture
def copy(tmp_path):
    """A copy of the project, as `cp -r` or `git worktree` make it."""
    return copy_code(tmp_path)


# As the environment of the checkout where set-up ran, which has that checkout on its path.
INSTALLED = {"PYTHONPATH": str(ROOT)}


def test_a_copy_runs_its_own_code(copy):
    (copy.folder / "stages" / "params.py").write_text("def main(params):\n    print('the code of the copy')\n")
    assert copy.run("python", "-m", "stages", "params", **INSTALLED).stdout == "the code of the copy\n"


def test_the_code_of_another_checkout_is_refused_and_the_way_out_works(copy):
    safe = {**INSTALLED, "PYTHONSAFEPATH": "1"}
    done = copy.run("python", "-m", "stages", "params", check=False, **safe)
    assert_one_line(done, "digits", f"the code of {ROOT} would run, not that of {copy.folder.resolve()}: ")
    (command,) = commands(done.stderr)
    assert copy.run("sh", "-c", f"{command} && python -m stages params", **safe).stdout.startswith("params: all ")

    done = copy.run("python", "-P", "-m", "stages", "params", check=False, **INSTALLED)
    assert_one_line(done, "digits", "start Python without -P")


def test_the_checkout_itself_runs_with_a_safe_path():
    done = Project(ROOT).run("python", "-m", "stages", "nothing", check=False, PYTHONSAFEPATH="1", **INSTALLED)
    assert done.returncode == 2 and done.stderr.startswith("usage: python -m stages {")


@pytest.mark.slow
def test_a_stage_that_a_killed_dvc_left_running_is_named(copy, tmp_path):
    """A second training would write into the files of the first."""
    (copy.folder / "stages" / "params.py").write_text(
        "import os, time\ndef main(params):\n    if os.environ.get('SLEEP'):\n        print('at it', flush=True)\n"
        "        time.sleep(300)\n"
    )
    log = tmp_path / "log"
    first = copy.start("timeout", "300", "python", "-m", "stages", "params", log=log, SLEEP="1", **INSTALLED)
    try:
        wait_for(lambda: log.read_text() == "at it\n", first)
        done = copy.run("timeout", "60", "python", "-m", "stages", "params", check=False, **INSTALLED)
        assert_one_line(done, "params", "is still at it in this folder, perhaps left by a dvc that was killed: ")
        # Another stage, and the same in another folder, may run.
        assert copy.run("python", "-m", "stages", "nothing", check=False, **INSTALLED).returncode == 2
        (tmp_path / "second").mkdir()
        assert copy_code(tmp_path / "second").run("python", "-m", "stages", "params", **INSTALLED).stdout
        follow(done.stderr)
        first.wait(timeout=30)
        copy.run("python", "-m", "stages", "params", **INSTALLED)
    finally:
        if first.poll() is None:
            kill(first)


def test_another_folder_than_the_projects_is_refused(copy):
    done = Project(copy.folder / "data").run("python", "-m", "stages", "params", check=False, **INSTALLED)
    assert_one_line(done, "digits", "run it in the project's folder")


@pytest.mark.parametrize("of_dvc", [".", "models/digits"], ids=["one .dvc for all", "a .dvc of the project"])
def test_a_copy_of_dvcs_knows_the_environment_of_the_project(tmp_path, of_dvc):
    (tmp_path / "models" / "digits" / ".venv").mkdir(parents=True)
    folder = tmp_path / of_dvc / ".dvc" / "tmp" / "exps" / "standalone" / "x" / "models" / "digits"
    folder.mkdir(parents=True)
    done = copy_code(folder).run(sys.executable, "-m", "stages", "params", check=False, VIRTUAL_ENV="", CONDA_PREFIX="")
    assert done.returncode == 1 and "not the project's Python: run `source .venv/bin/activate` first" in done.stderr

"""One function for many tasks: all are done, whoever is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from digits.errors import DigitsError
from digits.workers.pool import run_all

# Functions of a module that another process can import: this file is known to it by no name.
FUNCTIONS = """
import os, signal
from pathlib import Path
from digits.errors import DigitsError

def square(number):
    return number * number

def killed_once(path):
    first = Path(path)
    if not first.exists():
        first.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()

def killed(path):
    os.kill(os.getpid(), signal.SIGKILL)

def refuse(task):
    raise DigitsError(f"{task} is refused")

def wait(path):
    import time
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)
"""


DRIVER = """
import sys
from pool_functions import wait
from digits.workers.pool import run_all

if __name__ == "__main__":
    list(run_all(wait, [sys.argv[1]], workers=1))
"""


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functions")
    (folder / "pool_functions.py").write_text(FUNCTIONS)
    # A worker gets the search path of the process that starts it.
    sys.path.insert(0, str(folder))
    import pool_functions

    yield pool_functions
    sys.path.remove(str(folder))


def test_all_tasks_are_done(functions):
    assert sorted(run_all(functions.square, range(20), workers=2)) == [number**2 for number in range(20)]
    assert list(run_all(functions.square, [], workers=2)) == []


def test_a_killed_worker_costs_its_task_alone(functions, tmp_path):
    tasks = [tmp_path / "first", tmp_path / "second"]
    workers = list(run_all(functions.killed_once, [*tasks, tasks[0]], workers=1))
    # Killed twice, so that the third process does the last two.
    assert len(workers) == 3
    assert len(set(workers)) == 2


def test_a_task_whose_workers_are_always_killed_is_given_up(functions):
    with pytest.raises(DigitsError, match="the task: the workers were killed 3 times"):
        list(run_all(functions.killed, ["the task"], workers=1))


def test_what_a_function_refuses_is_refused(functions):
    with pytest.raises(DigitsError, match="1 is refused"):
        list(run_all(functions.refuse, [1, 1], workers=2))


@pytest.mark.slow
def test_workers_end_with_the_process_that_started_them(functions, tmp_path):
    note = tmp_path / "worker"
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    paths = os.pathsep.join([str(Path(functions.__file__).parent), *sys.path])
    driver = subprocess.Popen([sys.executable, script, note], env={**os.environ, "PYTHONPATH": paths})
    while not (note.is_file() and note.read_text()):
        time.sleep(0.05)
        assert driver.poll() is None
    worker = int(note.read_text())
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    for _ in range(400):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the worker is still there")

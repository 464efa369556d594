"""What a person sees when something fails, in a real process."""

import os
import pty
import signal
import subprocess
import sys
import termios

import psutil
import pytest
from support.project import ROOT

START = """
from digits.errors import DigitsError
from digits.program import one_line_errors
with one_line_errors('train'):
    """


def run(body):
    command = [sys.executable, "-c", START + body]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("raise DigitsError('a.txt is wrong: mend it')", 1, "train: a.txt is wrong: mend it"),
        ("open('/dev/full', 'w').write('x' * 10**6)", 1, "train: no space left on the disk"),
        ("open('absent/file')", 1, "train: absent/file: No such file or directory"),
        ("open('digits')", 1, "train: digits: Is a directory"),
        ("raise KeyboardInterrupt", 130, "train: interrupted"),
    ],
)
def test_what_a_user_can_mend_is_one_line(body, code, line):
    done = run(body)
    assert done.returncode == code and done.stdout == ""
    (shown,) = done.stderr.splitlines()
    assert shown.startswith(line)


def test_a_bug_of_ours_keeps_its_traceback():
    done = run("1 / 0")
    assert done.returncode == 1 and "Traceback" in done.stderr and "ZeroDivisionError" in done.stderr


def test_success_says_nothing():
    done = run("pass")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("number", "word"), [(signal.SIGTERM, "terminated"), (signal.SIGINT, "interrupted")])
def test_a_signal_tidies_up_and_is_no_traceback(number, word):
    body = (
        "import time\n    try:\n        print('ready', flush=True); time.sleep(60)\n    finally:\n        print('tidy')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", START + body],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background makes them ignore SIGINT, and a child inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number and out == "tidy\n" and err == f"train: {word}\n"


# --- A progress bar ---------------------------------------------------------------------------------------------------

ADDING = "from digits.program import progress; print(sum(progress(iter([1, 2, 3]), 'adding', 3)))"


def test_a_log_stays_as_it_is():
    done = subprocess.run([sys.executable, "-c", ADDING], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("6\n", "")


def test_a_terminal_shows_how_many_are_done():
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    done = subprocess.run([sys.executable, "-c", ADDING], stdout=subprocess.PIPE, stderr=theirs, text=True, check=True)
    shown = os.read(ours, 10_000).decode()
    os.close(theirs)
    os.close(ours)
    assert done.stdout == "6\n"
    assert "adding" in shown and "/3" in shown
    # Nothing of it stays.
    assert shown.rstrip(" ").endswith("\r")


# --- Worker processes -------------------------------------------------------------------------------------------------

WORKING = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from digits.program import end_with_parent

with ProcessPoolExecutor(1, initializer=end_with_parent) as pool:
    print(pool.submit(os.getpid).result(), flush=True)
    time.sleep(600)
"""


def test_workers_end_with_a_process_that_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", WORKING], stdout=subprocess.PIPE, text=True)
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    assert psutil.wait_procs([worker], timeout=60)[1] == []

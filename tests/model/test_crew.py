"""Processes that train together: started, compared, and ended together. Scripts stand in for the trainings."""

import os
import sys

import psutil
import pytest

from digits.errors import DigitsError
from digits.model import crew
from digits.model.crew import Crew, Here
from digits.workers.nodes import free_port

# They take the place of `python -m digits.model.worker FOLDER RANK HOST`.
EPOCH = """
import json, os, signal, sys, time
folder, rank = sys.argv[1], int(sys.argv[2])
def say(epoch, state):
    print("[Gloo] Rank 0 is connected")
    print(json.dumps({"epoch": epoch, "loss": 0.5, "state": state}), flush=True)
say(1, "a")
"""
WAY_OUT = "the same command again begins anew"


@pytest.fixture
def start(tmp_path, monkeypatch):
    """A function that starts two processes with a script."""
    popen = crew.subprocess.Popen

    def begin(script):
        def instead(command, **options):
            assert command[:3] == [sys.executable, "-m", "digits.model.worker"]
            return popen([sys.executable, "-c", EPOCH + script, *command[3:]], **options)

        monkeypatch.setattr(crew.subprocess, "Popen", instead)
        return Crew(tmp_path, Here(2), WAY_OUT)

    return begin


@pytest.fixture
def children():
    """The processes that this one has started since the test began. Others of this worker may stay."""
    before = set(psutil.Process().children())
    return lambda: [one for one in psutil.Process().children() if one not in before]


def test_epochs_come_when_all_have_done_them(start):
    with start("say(2, 'b')") as two:
        assert list(two.epochs()) == [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.5}]


def test_different_weights_are_refused(start):
    with start("say(2, 'b' * rank)") as two, pytest.raises(DigitsError) as refused:
        list(two.epochs())
    assert str(refused.value) == f"the workers have different weights after epoch 2, which must not be: {WAY_OUT}"


@pytest.mark.parametrize("rank", [0, 1])
def test_one_that_is_killed_ends_the_other(children, start, rank):
    """The other one says that it lost its connection, which is not the reason."""
    script = f"os.kill(os.getpid(), signal.SIGKILL) if rank == {rank} else sys.exit('lost')"
    with start(script) as two, pytest.raises(DigitsError) as refused:
        list(two.epochs())
    assert str(refused.value) == f"worker {rank + 1} of 2 was killed (SIGKILL), and the others ended: {WAY_OUT}"
    assert children() == []


def test_one_that_would_wait_for_ever_ends_with_the_others(children, start):
    with start("time.sleep(600) if rank else os.kill(os.getpid(), signal.SIGTERM)") as two:
        with pytest.raises(DigitsError, match=r"worker 1 of 2 was killed \(SIGTERM\)"):
            list(two.epochs())
        assert len(children()) == 1
    assert children() == []


def test_a_refusal_is_the_line_of_the_worker(start):
    script = "sys.exit('warning\\ntrain: the loss is not a number any more')"
    with start(script) as two, pytest.raises(DigitsError) as refused:
        list(two.epochs())
    assert str(refused.value) == "the loss is not a number any more"


def test_any_other_end_names_the_file_that_has_all_of_it(start, tmp_path):
    with start("rank or 1 / 0; time.sleep(600)") as two, pytest.raises(DigitsError) as refused:
        list(two.epochs())
    file = tmp_path / "worker-1.txt"
    assert str(refused.value) == (
        f"worker 1 of 2 failed (ZeroDivisionError: division by zero; all of it: {file}): {WAY_OUT}"
    )
    assert "Traceback" in file.read_text()


def test_a_free_port_is_one_where_nothing_listens():
    ports = {free_port("127.0.0.1") for _ in range(5)}
    assert all(1024 <= port < 65536 for port in ports)
    listening = {one.laddr.port for one in psutil.Process(os.getpid()).net_connections() if one.status == "LISTEN"}
    assert not ports & listening

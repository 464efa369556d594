"""One of several processes that train together, as its own command."""

import json
import os
import subprocess
import sys

import pytest
from support.stored import store_sample
from support.tiny import tiny_params

from digits.files import write_json
from digits.model.crew import LOOPBACK, Here
from digits.model.worker import JOB, STATE


def start(folder, rank):
    return subprocess.Popen(
        [sys.executable, "-m", "digits.model.worker", str(folder), str(rank), LOOPBACK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def outputs(folder, workers=2):
    """What the processes print. Their standard input stays open meanwhile: they end with it."""
    return [process.stdout.read() for process in [start(folder, rank) for rank in range(workers)]]


def epochs(printed):
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


def job(folder, data, done=0, workers=2, **changes):
    """Write what the processes read."""
    params = tiny_params(workers=workers, threads=1, **changes)
    paths = [[str(array.path) for array in split] for split in data]
    description = {"params": params.model_dump(mode="json"), "data": paths, "done": done}
    write_json(folder / JOB, {**description, "coordinator": Here(workers).coordinator})


def test_it_ends_when_nobody_waits_for_it(tmp_path):
    # A pipe as its job, so that it waits for ever if it is not ended.
    os.mkfifo(tmp_path / JOB)
    process = start(tmp_path, 0)
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(60) == -9


@pytest.mark.scale
@pytest.mark.parametrize("augment", [False, True])
def test_all_have_the_same_weights_after_every_epoch(tmp_path, mnist_sample, augment):
    changes = {"augment": tiny_params().augment.model_copy(update={"rotation": 10, "shift": 2})} if augment else {}
    data = store_sample(mnist_sample, tmp_path)
    job(tmp_path, data, **changes)
    printed = outputs(tmp_path)
    first, second = map(epochs, printed)
    assert [line["epoch"] for line in first] == [1, 2, 3], printed
    assert first == second
    assert len({line["state"] for line in first}) == 3
    assert first[-1]["val_accuracy"] > first[0]["val_accuracy"] > 0.1
    # Their shares are those of the batches of a single process, and dropout is the same.
    job(tmp_path, data, workers=1, **changes)
    (alone,) = map(epochs, outputs(tmp_path, 1))
    assert [line["loss"] for line in alone] == pytest.approx([line["loss"] for line in first], abs=0.005)
    assert alone[-1]["state"] != first[-1]["state"]


@pytest.mark.scale
def test_a_state_of_another_epoch_is_refused(tmp_path, mnist_sample):
    """A worker that begins elsewhere than the others would wait for them for ever."""
    job(tmp_path, store_sample(mnist_sample, tmp_path), done=1)
    assert all(f"{STATE} has 0 epochs, not 1" in out for out in outputs(tmp_path))

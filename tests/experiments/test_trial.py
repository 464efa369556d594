"""One training of a search, in a process of its own."""

import json
import os
import signal
from pathlib import Path

import pytest
from support.processes import words_of

from digits.errors import DigitsError
from digits.experiments.progress import FINISHED, STOPPED, progress_of
from digits.experiments.trial import Job, begun, epochs_of, known_epochs, train_job
from digits.params import read_params

pytestmark = pytest.mark.slow


@pytest.fixture
def job(store, tmp_path):
    """A function that makes a job of three epochs in the project of `store`, with settings."""

    def make(*settings: str, epochs: int = 3, name: str = "one") -> Job:
        words = [f"train.epochs={epochs}", "train.stop.threshold=1.0", *settings]
        return Job(str(tmp_path / "trials" / name), str(store.folder), read_params(), words)

    return make


def test_a_training_reports_each_epoch_and_the_pipelines_numbers(job, store):
    done = train_job(job("train.learning_rate=0.004"))
    assert done["job"] == "one"
    assert done["params"]["train.learning_rate"] == 0.004
    assert done["training"]["epochs"] == 3
    epochs = known_epochs(Path(job().folder))
    assert [one["epoch"] for one in epochs] == [1, 2, 3]
    assert epochs[-1]["val_accuracy"] == done["training"]["val_accuracy"] > 0.5
    # A second call finds the outcome.
    before = (Path(job().folder) / "epochs.jsonl").stat().st_mtime_ns
    assert train_job(job("train.learning_rate=0.004")) == done
    assert (Path(job().folder) / "epochs.jsonl").stat().st_mtime_ns == before


def test_one_that_was_killed_goes_on_from_its_last_epoch(job):
    training = epochs_of(job(epochs=4))
    assert next(training)["epoch"] == 1
    (child,) = children()
    os.kill(child, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="trial one: "):
        list(training)
    done = len(known_epochs(Path(job().folder)))
    assert 1 <= done < 4
    assert list(dict.fromkeys(one["epoch"] for one in epochs_of(job(epochs=4)))) == [1, 2, 3, 4]
    written = [json.loads(line)["epoch"] for line in (Path(job().folder) / "epochs.jsonl").read_text().splitlines()]
    # At most the epoch after which it was killed is done twice.
    assert len(written) <= 5


def children():
    import psutil

    found = psutil.Process().children(recursive=True)
    return [one.pid for one in found if "digits.experiments.trial" in " ".join(words_of(one))]


def test_one_that_nobody_waits_for_ends_and_says_so(job):
    training = epochs_of(job(epochs=50))
    next(training)
    training.close()
    assert children() == []
    (found,) = progress_of(Path(job().folder).parent)
    assert (found.status, found.accuracy > 0) == (STOPPED, True)


def test_a_failure_is_the_line_of_the_training(job, store):
    (store.folder / "data" / "processed" / "y_train.npy").unlink()
    with pytest.raises(DigitsError, match=r"y_train.npy is missing: run `dvc repro`"):
        train_job(job())


def test_a_project_that_is_not_seen_is_refused(job, tmp_path):
    with pytest.raises(DigitsError, match="all nodes of a cluster have to see the project under this path"):
        train_job(job()._replace(project=str(tmp_path / "elsewhere")))
    assert begun(tmp_path) is None


@pytest.mark.long
def test_two_trainings_leave_no_traces_in_each_other(job):
    train_job(job(name="one"))
    train_job(job("train.learning_rate=0.0001", name="two"))
    train_job(job(name="three"))
    one, two, three = progress_of(Path(job().folder).parent)
    assert [trial.status for trial in (one, two, three)] == [FINISHED] * 3
    assert one.accuracy == three.accuracy != two.accuracy

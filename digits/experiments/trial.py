"""One training of a search, in a process of its own: the pipeline's code, its threads, and no other training's traces.

`python -m digits.experiments.trial FOLDER` reads FOLDER/trial.json. It prints a line of JSON for each epoch, and goes
on from the last one where an earlier process was killed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from digits import paths
from digits.errors import DigitsError
from digits.files import read_json, write_json
from digits.params import flatten, override, parse_params

# What lies in its folder: what to do, the epochs so far, and one of three ends.
_TRIAL, _EPOCHS = "trial.json", "epochs.jsonl"
DONE, ENDED, FAILED = "done.json", "ended.json", "failed.json"
_BACKUP, _ERRORS = "backup", "errors.txt"
_SECONDS_TO_END = 5.0


class Job(NamedTuple):
    """A training to do.

    Attributes:
        folder: its own; whatever process does it, on whatever machine, finds there how far it is.
        project: the project's folder, with data/processed.
        params: the content of params.yaml.
        settings: `section.key=value`, laid over it.
    """

    folder: str
    project: str
    params: dict[str, Any]
    settings: list[str]

    def __str__(self) -> str:
        return Path(self.folder).name

    def changed(self) -> dict[str, Any]:
        """All parameters, flat."""
        return flatten(self._params())

    def write(self) -> Path:
        """Write what the process reads. Returns the folder.

        Raises:
            DigitsError: this machine does not see the project.
        """
        if not (Path(self.project) / paths.PROCESSED).is_dir():
            raise DigitsError(
                f"{self.project}/{paths.PROCESSED} is not there: run `dvc repro preprocess`; all nodes of a cluster "
                "have to see the project under this path"
            )
        folder = Path(self.folder)
        # One that goes on keeps its place among the others.
        began = read_json(folder / _TRIAL)["began"] if (folder / _TRIAL).is_file() else time.time()
        write_json(folder / _TRIAL, {"began": began, "settings": self.settings, "params": self._params()})
        for end in (ENDED, FAILED):
            (folder / end).unlink(missing_ok=True)
        return folder

    def _params(self) -> dict[str, Any]:
        changed = json.loads(json.dumps(self.params))
        for one in self.settings:
            override(changed, one)
        return changed


def epochs_of(job: Job) -> Iterator[dict[str, Any]]:
    """Do a training in a new process, and yield each epoch as it ends: `epoch`, `seconds` and the metrics.

    Epochs that an earlier process has done come first. The process ends with this one, or when no more is asked for.

    Raises:
        DigitsError: the training failed; the message is its line.
        RuntimeError: the process was killed.
    """
    folder = job.write()
    command = [sys.executable, "-m", "digits.experiments.trial", str(folder)]
    with (folder / _ERRORS).open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, cwd=job.project, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.PIPE, text=True
        )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                yield json.loads(line)
        if code := process.wait():
            said = (folder / _ERRORS).read_text(encoding="utf-8").splitlines() or [f"exit code {code}"]
            if code == 1 and said[-1].startswith("train: "):
                raise DigitsError(said[-1].removeprefix("train: "))
            raise RuntimeError(f"trial {job}: {said[-1]}")
    finally:
        # It sees that, and notes where it ended.
        with suppress(OSError):
            process.stdin.close() if process.stdin else None
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_END)
        process.kill()
        process.wait()


def train_job(job: Job) -> dict[str, Any]:
    """As `epochs_of`, to the end.

    Returns:
        `job`: its name; `params`: flat; `training`: the keys of reports/training.json that a comparison needs.
    """
    for _ in epochs_of(job):
        pass
    training = read_json(Path(job.folder) / DONE)
    return {"job": str(job), "params": job.changed(), "training": training}


def _end_with_parent(folder: Path) -> None:
    """End this process when nobody waits for it any more: the other end of its standard input closes then."""

    def wait() -> None:
        sys.stdin.read()
        epochs = known_epochs(folder)
        write_json(folder / ENDED, {"epochs": epochs[-1]["epoch"] if epochs else 0})
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def _train(folder: Path) -> None:
    """The training of a folder, or what is left of it."""
    trial = read_json(folder / _TRIAL)
    params = parse_params(trial["params"], str(folder / _TRIAL))
    if params.train.workers > 1:
        raise DigitsError("a training on a cluster is one process: set train.workers to 1")
    known = known_epochs(folder)
    for line in known:
        print(json.dumps(line), flush=True)
    if (folder / DONE).is_file():
        return
    from digits.data.dataset import Dataset
    from digits.model.runtime import use_tensorflow

    dataset = Dataset(paths.PROCESSED)
    train, validation = dataset.arrays("train"), dataset.arrays("validation")
    use_tensorflow(params.train.threads, params.train.seed, native=params.train.cpu == "native")
    from digits.model.ensemble import one_network, train_network

    began = time.monotonic()
    before = known[-1]["seconds"] if known else 0.0

    def report(epoch: int, logs: dict[str, float]) -> None:
        line = {"epoch": epoch, "seconds": before + time.monotonic() - began, **logs}
        with (folder / _EPOCHS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        # What Keras prints ends in no line yet.
        print("\n" + json.dumps(line), flush=True)

    shape, options = one_network(params.train, 0)
    backup = folder / _BACKUP
    had_backup = backup.is_dir()
    if not known or known[-1]["epoch"] < params.train.epochs:
        try:
            train_network(shape, options, train, validation, report, backup=backup)
        except (OSError, ValueError):
            if not had_backup:
                raise
            # The first process was killed while it wrote its first state.
            shutil.rmtree(backup)
            train_network(shape, options, train, validation, report, backup=backup)
    last = known_epochs(folder)[-1]
    write_json(folder / DONE, {"epochs": last["epoch"], **last})
    shutil.rmtree(folder / _BACKUP, ignore_errors=True)


def begun(folder: Path) -> tuple[float, list[str]] | None:
    """When the training of a folder began, and what it lays over params.yaml; None for a folder of something else."""
    if not (folder / _TRIAL).is_file():
        return None
    trial = read_json(folder / _TRIAL)
    return trial["began"], trial["settings"]


def known_epochs(folder: Path) -> list[dict[str, Any]]:
    """The epochs of a training that were done, each once. A line that was written half is none."""
    file, found = folder / _EPOCHS, {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else []:
        try:
            one = json.loads(line)
        except ValueError:
            continue
        found[one["epoch"]] = one
    return list(found.values())


if __name__ == "__main__":
    from digits.program import one_line_errors

    with one_line_errors("train"):
        _end_with_parent(Path(sys.argv[1]))
        _train(Path(sys.argv[1]))

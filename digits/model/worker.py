"""One of several processes that train a network together: `python -m digits.model.worker FOLDER RANK HOST`.

It reads FOLDER/job.json, and prints a line of JSON for each epoch. The first one keeps the state after each in FOLDER.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from digits.arrays import open_npy
from digits.files import read_json
from digits.model.share import Share
from digits.params.schema import TrainParams

JOB, STATE = "job.json", "state.npz"


def train_share(folder: Path, rank: int, host: str) -> None:
    """Train on one share of each batch.

    Args:
        folder: of the training.
        rank: which share, from 0.
        host: the address of this machine at which the other processes reach this one.

    Raises:
        DigitsError: as `use_jax` and `fit`.
    """
    job = read_json(folder / JOB)
    params = TrainParams.model_validate(job["params"])
    share = Share(rank, params.workers)
    from digits.model.jax_runtime import use_jax

    use_jax(share, job["coordinator"], host, params.threads, params.seed, params.cpu == "native")
    from digits.model.ensemble import train_network
    from digits.model.fit import Part
    from digits.model.kept import KeepEpochs, read

    begin = read(folder / STATE)
    # What one worker reads and the others do not would let them wait for each other for ever.
    if len(begin.epochs) != job["done"]:
        raise RuntimeError(f"{folder / STATE} has {len(begin.epochs)} epochs, not {job['done']}")
    train, validation = ((open_npy(images), open_npy(labels)) for images, labels in job["data"])
    keep = KeepEpochs(begin, _report, folder if rank == 0 else None)
    part = Part(share, len(begin.epochs), [keep])
    train_network(params.model, params, train, validation, lambda *_: None, part=part)


def _report(epoch: dict[str, Any], state: str) -> None:
    # What Gloo prints ends in no line yet.
    print("\n" + json.dumps({**epoch, "state": state}), flush=True)


def _end_with_parent() -> None:
    """End this process when nobody waits for it any more: the other end of its standard input closes then."""
    # Ctrl-C is for the process that started it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    from digits.program import one_line_errors

    with one_line_errors("train"):
        _end_with_parent()
        train_share(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])

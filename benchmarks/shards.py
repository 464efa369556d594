"""Predictions for, and validation of, 64 times the data: in one process, on one node and on two nodes of a Ray cluster.

The nodes have a CPU each and are processes on this machine. It ends with an error unless all of them write the same
bytes and reach the same verdict. `python -m benchmarks shards [--copies 64] [--scratch FOLDER]`, after the pipeline, in
the environment of `make test-scale`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks.growth import make, refuse_full
from benchmarks.process import MEGABYTE, Usage, run
from benchmarks.project import raw_data, sample, sample_splits, support
from benchmarks.record import Session, parser
from digits import paths
from digits.batch.batch import MANIFEST
from digits.data.raw import FILES, read_raw
from digits.errors import DigitsError
from digits.files import read_json
from digits.workers.cluster import require_ray

_NODES = (0, 1, 2)
# Seconds between two looks at the memory of the nodes' workers.
_LOOK = 0.2


class Measured(NamedTuple):
    """A command on some nodes: what it took, the largest memory of a worker in 10^6 bytes, and what must be equal."""

    used: Usage
    worker_mb: float
    result: Any


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("shards", __doc__)
    options.add_argument("--copies", type=int, default=64, help="of the training images")
    options.add_argument("--scratch", type=Path, help="a folder on the disk that is to take them")
    chosen = options.parse_args(arguments)
    require_ray()
    session = Session("shards", arguments, chosen)
    splits, values = (sample_splits(), sample()[1]) if chosen.quick else (read_raw(raw_data()), {})
    copies = 2 if chosen.quick else chosen.copies
    rows = []
    with tempfile.TemporaryDirectory(dir=chosen.scratch) as scratch:
        refuse_full(Path(scratch), copies * len(splits["train"].images))
        project = Path(scratch, "project")
        images = make(project, splits, copies, values)
        _bring_model(project, chosen.quick)
        for title in ("digits batch", "digits validate"):
            done = {}
            for count in _NODES:
                done[count] = _batch(project, count) if title == "digits batch" else _validate(project, count)
                print(f"{title}, {_title(count)}: {done[count].used.seconds:.1f} s", flush=True)
            rows += _rows(title, images, done)
    session.finish(nodes=rows)


def _title(nodes: int) -> str:
    return f"Ray, {nodes} node{'s' if nodes > 1 else ''} of 1 CPU" if nodes else "one process"


def _bring_model(project: Path, quick: bool) -> None:
    """Give a clone the model of this project with its reports, or a small one."""
    if quick:
        support("sample").train_small_model(project / paths.MODEL.parent)
        return
    if not paths.MODEL.is_file():
        raise DigitsError(f"there is no {paths.MODEL}: run `dvc repro` first")
    for folder in (paths.MODEL.parent, paths.EVALUATION.parent):
        shutil.copytree(folder, project / folder, dirs_exist_ok=True)


def _batch(project: Path, nodes: int) -> Measured:
    """Predictions for the training images; equal must be the bytes of each shard."""
    out = project / f"predictions-{nodes}"
    words = ["batch", str(paths.RAW / FILES["train"][0]), out.name, "--model", str(paths.MODEL)]
    used, worker_mb = _run(words, project, nodes)
    return Measured(used, worker_mb, [shard["sha256"] for shard in read_json(out / MANIFEST)["shards"]])


def _validate(project: Path, nodes: int) -> Measured:
    """The expectations of all images; equal must be the verdict."""
    used, worker_mb = _run(["validate", str(paths.RAW)], project, nodes, allowed=(0, 1))
    return Measured(used, worker_mb, (used.output, used.errors))


def _run(words: Sequence[str], project: Path, nodes: int, allowed: Sequence[int] = (0,)) -> tuple[Usage, float]:
    """A command in one process, or on so many nodes that are started before its time counts."""
    with support("nodes").started(nodes) if nodes else nullcontext() as cluster:
        variables = [f"{key}={value}" for key, value in (cluster.settings if cluster else {}).items()]
        where = ["--address", cluster.address] if cluster else ["--workers", "1"]
        command = ["env", *variables, sys.executable, "-m", "digits.cli", *words, *where]
        with _largest_worker() as largest:
            used = run(command, project, allowed)
    return used, largest[0] if cluster else used.peak_mb


@contextmanager
def _largest_worker() -> Iterator[list[float]]:
    """The largest resident memory of one of Ray's workers within the block, in 10^6 bytes."""
    largest, ended = [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK):
            for process in psutil.process_iter(["cmdline", "memory_info"]):
                words, memory = process.info["cmdline"], process.info["memory_info"]
                # Ray names its workers so. Of a process that is ending, nothing is known.
                if words and words[0].startswith("ray::") and memory:
                    largest[0] = max(largest[0], memory.rss / MEGABYTE)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield largest
    finally:
        ended.set()
        thread.join()


def _rows(title: str, images: int, done: Mapping[int, Measured]) -> list[dict[str, Any]]:
    """A row a number of nodes; 0 is one process.

    Raises:
        DigitsError: the results differ.
    """
    for count, measured in done.items():
        if measured.result != done[0].result:
            raise DigitsError(f"`{title}`: {_title(count)} gives another result than {_title(0)}")
    return [
        {
            "command": f"`{title}`",
            "images": images,
            "where": _title(count),
            "seconds": measured.used.seconds,
            "of one node": measured.used.seconds / done[1].used.seconds,
            "a worker's peak memory, MB": measured.worker_mb,
            "the driver's peak memory, MB": measured.used.peak_mb if count else None,
        }
        for count, measured in done.items()
    ]

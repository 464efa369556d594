"""Files that were cut off, altered, in conflict, or written by somebody else: reading them is an answer or one line.

A kill cuts a file at any length. A person, a merge or a disk does the rest.
"""

import json
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.params import FILE
from support.reports import REPORTS
from support.scoring import ANY_JSON

from digits import dvc, paths
from digits.data.dataset import Dataset
from digits.dvc_files import Listing, mend_notes, refuse_unreadable
from digits.errors import DigitsError
from digits.files import read_json
from digits.params import load_params
from digits.results import working_copy
from digits.tracking import record

LOCK = """schema: '2.0'
stages:
  train:
    cmd: python -m stages train
    deps:
    - path: data/processed
      hash: md5
      md5: 0b7fd2d87b028c469347724c1d80858c.dir
      size: 314
    params:
      params.yaml:
        train.epochs: 4
    outs:
    - path: models/model.keras
      hash: md5
      md5: 39f27932cf15775e34e4eb2227bf005d
"""
CONFIG = "[core]\n    analytics = false\n['remote \"here\"']\n    url = /srv/dvc\n"
NOTE = json.dumps({"run_id": "c0ffee", "training_seconds": 1.5}, indent=2)
LISTING = json.dumps([{"md5": "0" * 32, "relpath": "dataset.json"}])
RWLOCK = json.dumps({"write": {"models": {"pid": 1, "cmd": "dvc repro"}}, "read": {"data": []}})


def read_results(name):
    getattr(working_copy(), name)


def read_note(path):
    read_json(path, record._Note, "away with it")


def read_arrays():
    for array in Dataset(Path()).arrays("test"):
        np.asarray(array).sum()


def mend():
    mend_notes(Path.cwd())
    # Whatever it was, no note of DVC's is unreadable afterwards.
    note = Path(".dvc/tmp/rwlock")
    assert not note.exists() or isinstance(json.loads(note.read_bytes()), dict)


def check_files():
    refuse_unreadable(Path.cwd())


# What a file holds, and what reads it.
READERS = {
    "training": (paths.TRAINING, REPORTS[paths.TRAINING], partial(read_results, "training")),
    "dataset": (paths.DATASET, REPORTS[paths.DATASET], partial(read_results, "dataset")),
    "evaluation": (paths.EVALUATION, REPORTS[paths.EVALUATION], partial(read_results, "evaluation")),
    "metrics": (paths.METRICS, REPORTS[paths.METRICS], partial(read_results, "metrics")),
    "calibration": (paths.CALIBRATION, REPORTS[paths.CALIBRATION], partial(read_results, "not_sure_below")),
    "history": (paths.HISTORY, REPORTS[paths.HISTORY], partial(read_results, "history")),
    "predictions": (paths.PREDICTIONS, REPORTS[paths.PREDICTIONS], partial(read_results, "predictions")),
    "robustness": (paths.ROBUSTNESS, REPORTS[paths.ROBUSTNESS], partial(read_results, "robustness")),
    "dvc.lock": (Path("dvc.lock"), LOCK, dvc.locked_stages),
    "dvc.lock before a run": (Path("dvc.lock"), LOCK, check_files),
    "dvc.yaml": (Path("dvc.yaml"), "stages:\n  train:\n    cmd: python -m stages train\n", check_files),
    ".dvc/config": (Path(".dvc/config"), CONFIG, check_files),
    ".dvc/config.local": (Path(".dvc/config.local"), CONFIG, check_files),
    "rwlock": (Path(".dvc/tmp/rwlock"), RWLOCK, mend),
    "rwlock of the queue": (Path(".dvc/tmp/exps/rwlock"), RWLOCK, mend),
    "note": (Path(".digits/unfinished/sha.json"), NOTE, partial(read_note, Path(".digits/unfinished/sha.json"))),
    "listing": (Path("listing.dir"), LISTING, partial(read_json, Path("listing.dir"), Listing, "away with it")),
}


@pytest.fixture(params=READERS)
def damaged(request, tmp_path, monkeypatch):
    """Writes other bytes in the place of a good file, and reads it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    path, text, read = READERS[request.param]
    for folder in (path.parent, Path(".dvc/tmp")):
        folder.mkdir(parents=True, exist_ok=True)

    def attempt(content):
        path.write_bytes(content)
        refused = None
        try:
            read()
        except DigitsError as error:
            refused = str(error)
            assert "\n" not in refused and len(refused) < 400
            assert path.name in refused
        return refused

    attempt.good = text.encode()
    attempt.name = request.param
    return attempt


ONCE_FOR_ALL = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)


def test_a_good_file_is_read(damaged):
    assert damaged(damaged.good) is None


@pytest.mark.slow
def test_a_file_that_was_cut_off_anywhere(damaged):
    refusals = [damaged(damaged.good[:length]) for length in range(0, len(damaged.good), 3)]
    # An empty file is one in any format but that of DVC's settings. Notes of DVC's are mended.
    assert refusals[0] or damaged.name.startswith((".dvc", "rwlock"))


@pytest.mark.slow
@ONCE_FOR_ALL
@given(st.data())
def test_a_file_with_altered_bytes(damaged, data):
    content = bytearray(damaged.good)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged(bytes(content))


@pytest.mark.slow
@ONCE_FOR_ALL
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
@example(b"\0" * 100)
@example(b"[" * 1200)
@example(b"{" * 1200)
@example(b"1e999999999")
@example(b"- " * 1200)
@example(b"\xef\xbb\xbf{}")
@example(b"a: 2026-13-45")
@example(b"a: &x [*x]")
@example(b"? {}\n: 1")
@example(b"!!python/object:os.system {}")
@example(b"a: !!timestamp x")
@example(b"1: 1\n2: [1, {a: b}]")
def test_a_file_of_somebody_else(damaged, content):
    damaged(content)


@pytest.mark.slow
@ONCE_FOR_ALL
@given(ANY_JSON)
def test_json_that_this_project_never_wrote(damaged, value):
    damaged(json.dumps(value).encode())


def test_a_merge_in_conflict(damaged):
    lines = damaged.good.decode().splitlines()
    lines[1:1] = ["<<<<<<< HEAD", lines[0], "=======", lines[0], ">>>>>>> theirs"]
    refused = damaged("\n".join(lines).encode())
    if damaged.name.startswith("rwlock"):
        return
    assert refused
    if damaged.name not in ("history", "predictions", "robustness"):
        assert "conflict markers of a git merge" in refused


@pytest.mark.slow
def test_params(tmp_path, monkeypatch):
    """params.yaml is read by a schema, which has tests of its own: here it is cut."""
    monkeypatch.chdir(tmp_path)
    good = FILE.read_bytes()
    for length in range(0, len(good), 97):
        Path("params.yaml").write_bytes(good[:length])
        with pytest.raises(DigitsError, match=r"params\.yaml"):
            load_params()
    for content in (b"\0", b"[" * 1200, b"fetch: &x [*x]", b"{" * 1200, b"\xff\xfe"):
        Path("params.yaml").write_bytes(content)
        with pytest.raises(DigitsError, match=r"params\.yaml"):
            load_params()


def test_arrays_that_were_cut_off(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x_test.npy", np.zeros((2, 3, 3), np.uint8))
    np.save("y_test.npy", np.zeros((2, 2), np.float32))
    read_arrays()
    for name in ("x_test.npy", "y_test.npy"):
        good = Path(name).read_bytes()
        for length in range(len(good)):
            Path(name).write_bytes(good[:length])
            with pytest.raises(DigitsError, match=name):
                read_arrays()
        Path(name).write_bytes(good)


def test_a_file_that_may_not_be_read_is_no_damage(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths.METRICS.mkdir(parents=True)
    with pytest.raises(OSError, match=os.strerror(21)) as caught:
        read_json(paths.METRICS)
    # The frame of a stage or command makes one line of it.
    assert caught.value.filename == str(paths.METRICS)

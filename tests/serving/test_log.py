"""The log of what was served: complete files, whatever becomes of the process."""

import datetime
import json
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import requests
from support.project import ROOT, environment
from support.scoring import JSON
from support.served import add, chances, images, names, rows, today

from digits.files import sha256_file
from digits.model.classifier import load_classifier
from digits.serving import journal
from digits.serving import log as module
from digits.serving.journal import finish_journals
from digits.serving.log import ServedLog


@pytest.fixture
def log(tmp_path):
    opened = ServedLog(tmp_path / "log", "serve")
    yield opened
    opened.close()


def test_what_was_served_is_read_back_as_it_was(log):
    ids = add(log)
    log.close()
    found = rows(log.folder)
    assert [row["id"] for row in found] == ids and len(set(ids)) == 3
    pixels = np.stack([np.frombuffer(row["pixels"], np.uint8).reshape(row["side"], -1) for row in found])
    np.testing.assert_array_equal(pixels, images(3))
    np.testing.assert_array_equal(np.array([row["probabilities"] for row in found], np.float32), chances(3))
    assert [row["digit"] for row in found] == chances(3).argmax(axis=1).tolist()
    same = {"command": "serve", "model_sha256": "ab" * 32, "model_version": "7", "sure": True, "milliseconds": 1.5}
    assert all(same.items() <= row.items() for row in found)
    assert all(abs(row["time"] - datetime.datetime.now(datetime.UTC)).total_seconds() < 60 for row in found)
    assert names(log.folder) == [f"{today()}.rows.parquet"]


def test_a_second_later_it_can_be_read_while_the_server_runs(log):
    add(log)
    deadline = time.monotonic() + 30
    while not rows(log.folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(rows(log.folder)) == 3 and f"{today()}.rows.arrows" in names(log.folder)
    add(log, 2)
    log.close()
    assert len(rows(log.folder)) == 5


def test_labels_are_kept_beside(log):
    first, second, _ = add(log)
    log.label(first, 4, "eve")
    log.label(second, None, "eve")
    log.close()
    found = [(row["id"], row["label"], row["who"]) for row in rows(log.folder, "labels")]
    assert found == [(first, 4, "eve"), (second, None, "eve")]


def test_a_sample_keeps_whole_requests(tmp_path):
    log = ServedLog(tmp_path, "serve", sample=0.5)
    kept = [add(log, 2, seed) for seed in range(300)]
    log.close()
    assert {len(ids) for ids in kept} == {0, 2}
    # 99.99 % of binomial draws lie within.
    assert 110 < sum(map(bool, kept)) < 190 and len(rows(tmp_path)) == sum(map(len, kept))
    nothing = ServedLog(tmp_path / "none", "serve", sample=0.0)
    assert add(nothing) == []
    nothing.close()
    assert rows(tmp_path / "none") == []


@pytest.mark.parametrize("days", [1, -1])
def test_another_day_has_another_file_also_where_the_clock_goes_back(tmp_path, monkeypatch, days):
    log = ServedLog(tmp_path, "serve")
    add(log)
    log._flush()
    later = time.time() + 86_400 * days
    monkeypatch.setattr(module.time, "time", lambda: later)
    add(log, 2)
    log.close()
    other = datetime.datetime.fromtimestamp(later, datetime.UTC).date().isoformat()
    assert names(tmp_path) == sorted([f"{today()}.rows.parquet", f"{other}.rows.parquet"])
    assert len(rows(tmp_path)) == 5


def test_the_oldest_files_go_and_what_has_a_label_stays(tmp_path):
    log = ServedLog(tmp_path, "serve", keep=0.05)
    labelled = []
    for seed in range(60):
        (first, *_) = add(log, 200, seed)
        log.label(first, 1, "eve")
        labelled.append(first)
        log._flush()
    log.close()
    kept = [path for path in tmp_path.iterdir() if ".rows." in path.name]
    assert sum(path.stat().st_size for path in kept) <= 50_000
    found = rows(tmp_path)
    assert 0 < len(found) < 12_000 and found[-1]["id"].endswith("-12000") and len(rows(tmp_path, "labels")) == 60
    assert {row["id"] for row in found} >= set(labelled) and len({row["id"] for row in found}) == len(found)


def test_a_process_that_is_killed_while_the_oldest_go_leaves_no_row_twice(tmp_path):
    log = ServedLog(tmp_path, "serve")
    (first, *_) = add(log, 5)
    log.label(first, 1, "eve")
    log.close()
    (path,) = tmp_path.glob("*.rows.*.parquet")
    journal._keep_labelled(path)
    assert len(rows(tmp_path)) == 5 and len(list(tmp_path.glob("*.parquet"))) == 3
    path.unlink()
    assert [row["id"] for row in rows(tmp_path)] == [first]


def test_what_a_shadow_said_is_kept_within_the_same_bounds(tmp_path):
    logs = [ServedLog(tmp_path, "serve", keep=0.05) for _ in range(2)]
    for seed in range(60):
        ids = add(logs[0], 200, seed)
        shadow = ["cd" * 32, None, chances(200, seed + 1), [True] * 200]
        logs[1].shadow(ids, *shadow, "ab" * 32, chances(200, seed))
        for log in logs:
            log._flush()
    for log in logs:
        log.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 50_000
    said = rows(tmp_path, "shadows")
    assert 0 < len(said) < 12_000 and said[-1]["id"] == rows(tmp_path)[-1]["id"]
    assert [row["served_digit"] for row in said[-200:]] == chances(200, 59).argmax(axis=1).tolist()


def test_two_logs_share_a_folder(tmp_path):
    logs = [ServedLog(tmp_path, "serve"), ServedLog(tmp_path, "draw")]
    ids = [row for seed in range(5) for log in logs for row in add(log, 3, seed)]
    for log in logs:
        log._flush()
    # A third one that opens the folder leaves their journals alone.
    ServedLog(tmp_path, "serve").close()
    for log in logs:
        log.close()
    assert sorted(row["id"] for row in rows(tmp_path)) == sorted(ids)
    assert {row["command"] for row in rows(tmp_path)} == {"serve", "draw"} and len(names(tmp_path)) == 2


FULL = """
import resource, signal, sys
from pathlib import Path
from support.served import add, rows
from digits.serving.log import ServedLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = ServedLog(Path(sys.argv[1]), "serve")
add(log, 50)
log._flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (8000, resource.RLIM_INFINITY))
add(log, 100)
add(log, 100, 1)
log._flush()
log._flush()
print(len(rows(log.folder)))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.close()
print(len(rows(log.folder)))
"""


def test_a_full_disk_keeps_rows_waiting_and_loses_none(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        env=environment(PYTHONPATH=str(ROOT / "tests")),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["50", "250"]
    assert done.stderr == f"digits: --log {tmp_path}: rows wait in memory: File too large\n"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_logs_what_it_answers_and_a_killed_one_loses_a_second_at_most(
    start, small_model, mnist_sample, tmp_path, number
):
    folder = tmp_path / "log"
    server = start("serve", "--model", str(small_model), "--log", str(folder))
    assert f"Every answer and its image is kept in {folder}." in server.ready
    sent = mnist_sample.x_test[:20]
    for image in sent[:10, None]:
        body = json.dumps({"inputs": image.tolist()})
        assert requests.post(server.url + "/invocations", data=body, headers=JSON, timeout=60).status_code == 200
    body = json.dumps({"inputs": sent[10:].tolist()})
    assert requests.post(server.url + "/invocations", data=body, headers=JSON, timeout=60).status_code == 200
    # What is refused is no answer.
    assert requests.post(server.url + "/invocations", data="{}", headers=JSON, timeout=60).status_code == 400
    if number == signal.SIGKILL:
        time.sleep(2.5)
    server.stop(number)
    finish_journals(folder)
    found = rows(folder)
    pixels = np.stack([np.frombuffer(row["pixels"], np.uint8).reshape(28, 28) for row in found])
    np.testing.assert_array_equal(pixels, sent)
    wanted = load_classifier(small_model)(sent)
    np.testing.assert_allclose(np.array([row["probabilities"] for row in found]), wanted, atol=1e-6)
    assert {row["model_sha256"] for row in found} == {sha256_file(small_model)}
    assert {row["sure"] for row in found} == {True, False} and {row["model_version"] for row in found} == {None}
    assert names(folder) == [f"{today()}.rows.parquet"]


@pytest.mark.slow
def test_without_the_option_nothing_is_kept(start, small_model, mnist_sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server = start("serve", "--model", str(small_model))
    body = json.dumps({"inputs": mnist_sample.x_test[:1].tolist()})
    assert requests.post(server.url + "/invocations", data=body, headers=JSON, timeout=60).status_code == 200
    assert server.stop() == 0 and list(tmp_path.iterdir()) == [] and "kept in" not in server.ready


def test_what_may_wait_is_counted_by_image(monkeypatch):
    monkeypatch.setattr(module, "_MOST_WAITING", 5)
    requests_of = [(0.0, ["id"] * count) for count in (4, 3, 2)]
    assert module._latest("rows", requests_of) == requests_of[1:]
    assert module._latest("labels", [(0.0, str(number)) for number in range(7)])[0] == (0.0, "2")
    assert module._latest("rows", requests_of[:1]) == requests_of[:1]

"""A shadow beside the real server, and its queue."""

import functools
import json
import os
import signal
import time

import numpy as np
import psutil
import pytest
import requests
from support.advice import refusal
from support.registered import register_files
from support.scoring import JSON, post
from support.served import names, rows, today

from digits.cli.app import resolve_model
from digits.files import sha256_file
from digits.model.classifier import load_classifier
from digits.serving import shadow as module
from digits.serving.shadow import Shadow, in_words
from digits.serving.shadow_reader import Batch, Facts

pytestmark = pytest.mark.slow
SERVED = Facts("another", "aa", 28, tuple("0123456789"))


def ask(server, images):
    """Post images, one request."""
    return post(server, json.dumps({"inputs": images.tolist()}), JSON)


def shadow_of(server):
    """What the server says of its shadow."""
    return requests.get(server.url + "/model", timeout=60).json()["shadow"]


def until(condition, seconds=60):
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    assert condition()


def test_a_shadow_reads_what_was_answered_until_its_end_and_the_server_goes_on(
    start, small_model, other_model, mnist_sample, tmp_path
):
    folder = tmp_path / "log"
    server = start("serve", "--model", str(small_model), "--log", str(folder), "--shadow", str(other_model))
    assert "\nmodel.keras reads it after that, as a shadow.\n" in server.ready
    images = mnist_sample.x_test[:100]
    for part in (images[:1], images[1:2], images[2:]):
        assert ask(server, part).status_code == 200
    ours, theirs = (load_classifier(path)(images) for path in (small_model, other_model))
    disagreed = int((ours.argmax(axis=1) != theirs.argmax(axis=1)).sum())
    until(lambda: shadow_of(server)["read"] == 100)
    wanted = {"name": "model.keras", "sha256": sha256_file(other_model), "read": 100, "disagreed": disagreed}
    assert shadow_of(server) == wanted | {"dropped": 0, "waiting": 0} and 10 < disagreed < 90
    # Its log is written once a second.
    until(lambda: len(rows(folder, "shadows")) == 100)
    (process,) = psutil.Process(server.process.pid).children()
    assert process.nice() == 19
    process.kill()
    assert ask(server, images[:5]).status_code == 200
    until(lambda: server.log.read_text() != "")
    assert shadow_of(server)["dropped"] == 5 and server.stop() == 0
    assert server.log.read_text() == "digits: the shadow ended with code -9; answering without it\n"
    line = f"Images for the shadow model.keras: 100 read, {disagreed} disagreed, 5 dropped."
    assert server.rest.splitlines()[-2:] == [line, "Stopped."]
    said = {row["id"]: row for row in rows(folder, "shadows")}
    served = rows(folder)
    assert len(said) == 100 and len(served) == 105
    assert {row["served_sha256"] for row in said.values()} == {sha256_file(small_model)}
    for row, answer in zip(served[:100], theirs, strict=True):
        np.testing.assert_allclose(said[row["id"]]["probabilities"], answer, atol=1e-6)
        assert said[row["id"]]["served_digit"] == row["digit"]


def test_an_alias_that_moves_or_goes_is_one_line_each(
    start, small_model, other_model, mnist_sample, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    client = register_files(tmp_path, [other_model, small_model])
    client.set_registered_model_alias("served", "challenger", "1")
    options = ["--log", str(tmp_path / "log"), "--shadow", "models:/served@challenger", "--refresh", "0.2"]
    server = start("serve", "--model", str(small_model), *options)

    def read():
        assert ask(server, mnist_sample.x_test[:1]).status_code == 200
        until(lambda: shadow_of(server)["waiting"] == 0)
        return shadow_of(server)["name"], shadow_of(server)["read"]

    def next_line():
        until(lambda: server.log.read_text().count("\n") > len(lines))
        lines[:] = server.log.read_text().splitlines()
        return lines[-1]

    lines = []
    assert read() == ("served version 1", 1)
    client.set_registered_model_alias("served", "challenger", "2")
    assert next_line() == "digits: now shadowed by served version 2 (test accuracy 99.07 %)"
    assert read() == ("served version 2", 1)
    assert next_line() == "digits: the shadow served version 2 does not read: it is the model that is served"
    client.set_registered_model_alias("served", "challenger", "1")
    assert next_line() == "digits: now shadowed by served version 1 (test accuracy 99.07 %)"
    client.delete_registered_model_alias("served", "challenger")
    assert next_line().startswith("digits: still shadowed by served version 1 (test accuracy 99.07 %): ")
    assert read() == ("served version 1", 2) and len(lines) == 4


def test_what_waits_is_bounded_and_what_does_not_fit_is_dropped(small_model, tmp_path):
    shadow = Shadow("it", functools.partial(resolve_model, str(small_model)), tmp_path, 10.0, 3.0, SERVED)
    os.kill(shadow._process.pid, signal.SIGSTOP)
    many = np.zeros((1000, 28, 28), np.uint8)
    for number in range(13):
        ids = [f"{number}-{at}" for at in range(1000)]
        shadow.offer(Batch(SERVED, ids, many, np.zeros((1000, 10), np.float32)))
    assert shadow.counts() | {"read": 0, "dropped": 3000, "waiting": module.MOST_WAITING} == shadow.counts()
    os.kill(shadow._process.pid, signal.SIGCONT)
    # What waits is read before the end.
    shadow.close()
    assert shadow.counts() | {"read": 10_000, "dropped": 3000, "waiting": 0} == shadow.counts()
    assert len(rows(tmp_path, "shadows")) == 10_000 and names(tmp_path) == [f"{today()}.shadows.parquet"]
    assert ": 10,000 read, " in in_words(shadow.counts())


def test_a_shadow_that_hangs_does_not_keep_the_server_from_ending(small_model, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.1)
    shadow = Shadow("it", functools.partial(resolve_model, str(small_model)), tmp_path, 10.0, 3.0, SERVED)
    os.kill(shadow._process.pid, signal.SIGSTOP)
    shadow.offer(Batch(SERVED, ["1"], np.zeros((1, 28, 28), np.uint8), np.zeros((1, 10), np.float32)))
    shadow.close()
    assert shadow.counts()["dropped"] == 1 and "ended with code -9" in capfd.readouterr().err


def test_a_shadow_that_cannot_be_is_refused_in_one_line(small_model, clothes_model, tmp_path):
    def start_with(name, served):
        return refusal(Shadow, name, functools.partial(resolve_model, name), tmp_path, 10.0, 3.0, served)

    absent = str(tmp_path / "x.keras")
    assert start_with(absent, SERVED).startswith(f"--shadow {absent}: {absent}: no such file or folder; give")
    name = str(clothes_model)
    assert start_with(name, SERVED) == f"--shadow {name}: it takes images of 32×32, another those of 28×28"
    name = str(small_model)
    itself = SERVED._replace(sha256=sha256_file(small_model))
    assert start_with(name, itself) == f"--shadow {name}: it is the model that is served"

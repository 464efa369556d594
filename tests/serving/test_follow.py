import json
import shutil
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import requests
from support.registered import register_files
from support.scoring import BLANK, JSON, post

from digits.errors import DigitsError
from digits.files import sha256_file
from digits.model.classifier import load_classifier
from digits.serving.follow import Live, describe


def model(sha256="a", version="1", accuracy=None):
    title = f"digits version {version}" if version else "model.keras"
    return SimpleNamespace(sha256=sha256, title=title, number=version, accuracy=accuracy)


def test_a_new_model_is_built_once_and_replaces_the_old_one():
    found, built = [model()], []
    live = Live(lambda: found[-1], lambda m: built.append(m) or f"of {m.sha256}")
    assert live.current == "of a" and not live.refresh()
    found.append(model(sha256="b", version="2"))
    assert live.refresh() and not live.refresh()
    assert live.current == "of b" and live.model is found[-1] and built == found


def test_a_version_of_the_same_bytes_is_another_model():
    found = [model(), model(version="2")]
    live = Live(lambda: found[0], lambda m: m)
    found.reverse()
    assert live.refresh() and live.current.number == "2"


def test_a_model_that_cannot_be_built_leaves_the_present_one():
    found = [model()]

    def build(m):
        if m.sha256 == "broken":
            raise DigitsError("the file is broken")
        return m.sha256

    live = Live(lambda: found[-1], build)
    found.append(model(sha256="broken"))
    with pytest.raises(DigitsError):
        live.refresh()
    assert live.current == "a" and live.model is found[0]


def test_a_failure_is_reported_once_until_it_is_over(capsys):
    answers = [model()]
    seen = threading.Semaphore(0)

    def resolve():
        seen.release()
        if isinstance(answers[-1], Exception):
            raise answers[-1]
        return answers[-1]

    def wait(times):
        for _ in range(times):
            assert seen.acquire(timeout=10)

    live = Live(resolve, lambda m: m)
    wait(1)
    live.watch(0.01)
    answers.append(DigitsError("the registry is away"))
    wait(5)
    answers.append(model(sha256="b", version="2"))
    wait(5)
    assert capsys.readouterr().err.splitlines() == [
        "digits: still answering with digits version 1: the registry is away",
        "digits: now answering with digits version 2",
    ]


def test_a_model_is_described_by_its_version_or_its_file():
    assert describe(model(accuracy=0.9907)) == "digits version 1 (test accuracy 99.07 %)"
    assert describe(model(accuracy=0.9907), accuracy=False) == "digits version 1"
    assert describe(model(version=None)) == "model.keras"


# --- The real server ----------------------------------------------------------------------------------------------


class Askers:
    """Three threads that keep asking about one image and compare each answer with the model that it names."""

    def __init__(self, server, image, models):
        self.answers = {sha256_file(path): load_classifier(path)(image) for path in models}
        self.seen: list[str] = []
        self.problems: list[Exception] = []
        self._url = f"{server.url}/invocations"
        self._body = json.dumps({"inputs": image.tolist()})
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(3)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        with requests.Session() as session:
            while not self._done.is_set():
                try:
                    response = session.post(self._url, data=self._body, headers=JSON, timeout=60)
                    expected = self.answers[response.headers["model-sha256"]]
                    np.testing.assert_allclose(response.json()["predictions"], expected, atol=1e-6)
                    self.seen.append(response.headers["model-version"])
                except Exception as error:  # noqa: BLE001 - these tests look for any problem
                    self.problems.append(error)

    def wait_for(self, happened):
        """Wait until `happened()` is true, and for 20 more answers."""
        end = time.monotonic() + 120
        while not happened() and time.monotonic() < end:
            time.sleep(0.05)
        assert happened()
        count = len(self.seen) + 20
        while len(self.seen) < count and time.monotonic() < end:
            time.sleep(0.05)


@pytest.mark.slow
def test_file_replaced_under_load(start, small_model, other_model, tmp_path, mnist_sample):
    served, part = tmp_path / "served.keras", tmp_path / "part.keras"
    shutil.copy(small_model, served)
    server = start("serve", "--model", str(served), "--refresh", "0.2")
    with Askers(server, mnist_sample.x_test[:1], [small_model, other_model]) as askers:
        part.write_bytes(b"broken")
        part.replace(served)
        askers.wait_for(lambda: "still answering with served.keras: " in server.log.read_text())
        part.write_bytes(other_model.read_bytes())
        part.replace(served)
        askers.wait_for(lambda: "now answering with served.keras" in server.log.read_text())
    assert not askers.problems
    assert server.log.read_text().count("\n") == 2
    last = post(server, json.dumps({"inputs": [BLANK]}))
    assert last.headers["model-sha256"] == sha256_file(other_model)


@pytest.mark.slow
def test_alias_moved_under_load(start, small_model, other_model, tmp_path, mnist_sample, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    client = register_files(tmp_path, [small_model, other_model])
    server = start("serve", "--model", "models:/served@champion", "--refresh", "0.2")
    assert server.ready.startswith("Serving served version 1 (test accuracy 99.07 %) on ")
    with Askers(server, mnist_sample.x_test[:1], [small_model, other_model]) as askers:
        askers.wait_for(lambda: bool(askers.seen))
        client.set_registered_model_alias("served", "champion", "2")
        askers.wait_for(lambda: "now answering with served version 2" in server.log.read_text())
    assert not askers.problems
    assert askers.seen[0] == "served/1" and askers.seen[-1] == "served/2"

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digits.files import sha256_file
from digits.inference import Classifier
from digits.serving import MAX_BODY, parse_pixels
from digits.web import RequestError

JSON = {"Content-Type": "application/json"}
BLANK = [[0] * 28 for _ in range(28)]


def altered(value, row=3, column=5):
    image = [list(line) for line in BLANK]
    image[row][column] = value
    return image


# --- Parsing, in process ------------------------------------------------------------------------------------------


@given(st.integers(1, 3), st.sampled_from(["inputs", "instances"]), st.randoms(use_true_random=False))
def test_pixels_come_out_as_they_went_in(n, key, random):
    images = [[[random.randrange(256) for _ in range(28)] for _ in range(28)] for _ in range(n)]
    pixels = parse_pixels(json.dumps({key: images}).encode())
    assert pixels.dtype == np.uint8
    assert pixels.tolist() == images


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)
LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.text(max_size=50),
    st.integers(min_value=256),
    st.integers(max_value=-1),
    st.lists(st.integers(0, 255), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@given(st.binary(max_size=200) | ANY_JSON.map(lambda v: json.dumps(v).encode()))
def test_any_other_body_is_refused(body):
    with pytest.raises(RequestError, match=r"send \{\"inputs\": \[image, …\]\}") as caught:
        parse_pixels(body)
    assert caught.value.status == 400
    assert "\n" not in str(caught.value)


@given(LEAF, st.integers(0, 27), st.integers(0, 27))
def test_one_bad_pixel_is_found_and_named(value, row, column):
    body = json.dumps({"inputs": [BLANK, altered(value, row, column)]}).encode()
    with pytest.raises(RequestError) as caught:
        parse_pixels(body)
    # NaN and infinity are no JSON to begin with; an integer beyond 64 bits may be read as a float, a wrong one too.
    if not re.search(rb"NaN|Infinity", body) and b"not valid JSON" not in str(caught.value).encode():
        assert f"Image 1, row {row}, column {column} is" in str(caught.value)


def test_scaled_pixels_are_recognised():
    with pytest.raises(RequestError, match=r"is 0\.498: pixels must not be scaled to 0…1: send"):
        parse_pixels(json.dumps({"inputs": [altered(0.498)]}).encode())
    with pytest.raises(RequestError, match=r"column 5 is 1\.0: pixels must not be scaled"):
        parse_pixels(json.dumps({"inputs": [altered(1.0)]}).encode())
    # Pixels as floats are wrong in another way.
    image = altered(254.0)
    image[0][0] = 0.0
    with pytest.raises(RequestError, match=r"row 0, column 0 is 0\.0: send"):
        parse_pixels(json.dumps({"inputs": [image]}).encode())


MALFORMED = {
    "empty": b"",
    "blank": b" \n",
    "no JSON": b"hello",
    "cut off": b'{"inputs": [[[0, 0',
    "NaN": json.dumps({"inputs": [altered(float("nan"))]}).encode(),
    "null": json.dumps({"inputs": [altered(None)]}).encode(),
    "a true among the integers": json.dumps({"inputs": [altered(True)]}).encode(),
    "256": json.dumps({"inputs": [altered(256)]}).encode(),
    "-1": json.dumps({"inputs": [altered(-1)]}).encode(),
    "a number of a thousand digits": json.dumps({"inputs": [altered(0)]}).replace("0", "9" * 1000, 1).encode(),
    "text": json.dumps({"inputs": [altered("7")]}).encode(),
    "one image without its list": json.dumps({"inputs": BLANK}).encode(),
    "flat": json.dumps({"inputs": [0] * 784}).encode(),
    "27 rows": json.dumps({"inputs": [BLANK[1:]]}).encode(),
    "ragged": json.dumps({"inputs": [[*BLANK[1:], [0] * 27]]}).encode(),
    "a channel axis": json.dumps({"inputs": [[[[0]] * 28] * 28]}).encode(),
    "no image": b'{"inputs": []}',
    "no list": b'{"inputs": 7}',
    "named tensor": json.dumps({"inputs": {"pixels": [BLANK]}}).encode(),
    "both keys": json.dumps({"inputs": [BLANK], "instances": [BLANK]}).encode(),
    "params": json.dumps({"inputs": [BLANK], "params": {"temperature": 2}}).encode(),
    "data frame": json.dumps({"dataframe_split": {"columns": ["a"], "data": [[1]]}}).encode(),
    "bare list": json.dumps([BLANK]).encode(),
    "deep": b"[" * 100_000,
    "deep within": b'{"inputs": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "UTF-16": json.dumps({"inputs": [BLANK]}).encode("utf-16"),
    "one long text among many short ones": json.dumps({"inputs": [[["x" * 10**6] + [""] * 27] * 28]}).encode(),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_bodies_are_refused_in_one_short_sentence(body):
    with pytest.raises(RequestError) as caught:
        parse_pixels(body)
    assert len(str(caught.value)) < 300


# --- The real server ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(start, small_model):
    return start("serve", "--model", str(small_model))


def post(server, body, headers=JSON, path="/invocations"):
    return requests.post(server.url + path, data=body, headers=headers, timeout=60)


def assert_refused(response):
    assert 400 <= response.status_code < 500, response.text
    assert list(response.json()) == ["error"]
    assert len(response.json()["error"].splitlines()) == 1


@pytest.mark.slow
def test_printed_curl_line_works_as_printed(server):
    if shutil.which("curl") is None:
        pytest.skip("no curl on PATH")
    line = next(line for line in server.ready.splitlines() if line.strip().startswith("curl"))
    answer = subprocess.run(line, shell=True, capture_output=True, text=True, check=True).stdout
    assert json.loads(answer)["digits"] == [7]
    assert answer.startswith('{"digits":[7],') and answer.endswith("\n")


@pytest.mark.slow
def test_answers_are_the_models_to_the_last_bit(server, small_model, mnist_sample):
    images = mnist_sample.x_test
    response = post(server, json.dumps({"inputs": images.tolist()}))
    assert response.status_code == 200
    predictions = np.array(response.json()["predictions"], np.float32)
    np.testing.assert_array_equal(predictions, Classifier(small_model)(images))
    assert response.json()["digits"] == predictions.argmax(1).tolist()
    single = post(server, json.dumps({"instances": images[:1].tolist()})).json()["predictions"]
    np.testing.assert_allclose(single, predictions[:1], atol=1e-6)


@pytest.mark.slow
def test_mlflows_endpoints_and_the_models_name(server, small_model):
    import mlflow

    assert requests.get(server.url + "/ping", timeout=60).status_code == 200
    assert requests.get(server.url + "/health", timeout=60).status_code == 200
    head = requests.head(server.url + "/ping", timeout=60)
    assert (head.status_code, head.content) == (200, b"")
    assert requests.get(server.url + "/version", timeout=60).text == mlflow.__version__
    about = requests.get(server.url + "/model", timeout=60)
    assert about.json()["uri"] == str(small_model)
    assert about.headers["model-sha256"] == about.json()["sha256"]


@pytest.mark.slow
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_bodies_are_4xx(server, body):
    assert_refused(post(server, body))


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]),
    path=st.sampled_from(
        ["/invocations", "/invocations", "/", "/docs", "/openapi.json", "/invocations/", "/%00", "//"]
    ),
    content_type=st.sampled_from(["application/json"] * 3 + ["", "text/csv", "application/json; charset=latin-1", "x"]),
    body=st.binary(max_size=300)
    | ANY_JSON.map(lambda value: json.dumps({"inputs": value}).encode())
    | LEAF.map(lambda value: json.dumps({"inputs": [altered(value)]}).encode()),
)
def test_no_malformed_request_is_answered_with_anything_but_4xx(server, method, path, content_type, body):
    response = requests.request(
        method, server.url + path, data=body, headers={"Content-Type": content_type}, timeout=60
    )
    assert 400 <= response.status_code < 500


@pytest.mark.slow
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 415),
        ({"Content-Type": "text/csv"}, 415),
        ({"Content-Type": "application/json; charset=utf-16"}, 415),
        ({**JSON, "Content-Encoding": "gzip"}, 415),
        ({**JSON, "Host": "rebound.example"}, 421),
    ],
)
def test_headers_are_checked(server, headers, status):
    response = post(server, json.dumps({"inputs": [BLANK]}).encode(), headers)
    assert_refused(response)
    assert response.status_code == status


@pytest.mark.slow
@pytest.mark.parametrize("raw", [b"\x00\x01\x02\r\n\r\n", b"POST /invocations\r\n\r\n", b"GET / HTTP/1.1\r\nA" * 9000])
def test_what_is_not_http_is_4xx(server, raw):
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(raw)
        assert re.match(rb"HTTP/1.1 4\d\d ", connection.recv(100))


@pytest.mark.slow
@pytest.mark.parametrize("expect", [False, True])
def test_huge_body_is_413_and_the_server_goes_on(server, expect):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", "/invocations")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(4 * MAX_BODY))
    if expect:
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
    else:
        connection.endheaders()
        for _ in range(4):
            connection.send(b"[" * MAX_BODY)
    response = connection.getresponse()
    assert response.status == 413
    assert "8 MiB at most" in json.loads(response.read())["error"]
    assert post(server, json.dumps({"inputs": [BLANK]})).status_code == 200


@pytest.fixture(scope="module")
def other_model(small_model, tmp_path_factory):
    """The same network with halved weights: other answers, less certain."""
    import keras

    model = keras.saving.load_model(small_model)
    model.set_weights([0.5 * weights for weights in model.get_weights()])
    path = tmp_path_factory.mktemp("other") / "model.keras"
    model.save(path)
    return path


class Askers:
    """Three threads that keep asking about one image and compare each answer with the model that it names."""

    def __init__(self, server, image, models):
        self.answers = {sha256_file(path): Classifier(path)(image) for path in models}
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
                except Exception as error:  # noqa: BLE001 - whatever goes wrong is what these tests look for
                    self.problems.append(error)

    def wait_for(self, happened):
        """Until `happened()`, and 20 more answers."""
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
    from digits import tracking

    client = tracking.connect()
    experiment = client.create_experiment("served", (tmp_path / "artifacts").as_uri())
    client.create_registered_model("served")
    for path in (small_model, other_model):
        run_id = client.create_run(experiment).info.run_id
        logged = client.create_logged_model(experiment, "model", run_id)
        folder = Path(url2pathname(urlsplit(logged.artifact_location).path))
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / "model.keras")
        client.set_tag(run_id, "model_id", logged.model_id)
        client.set_tag(run_id, "model_sha256", sha256_file(path))
        client.log_text(run_id, json.dumps({"test": {"accuracy": 0.9512}}), "evaluation/metrics.json")
        client.create_model_version("served", f"models:/{logged.model_id}", run_id, model_id=logged.model_id)
    client.set_registered_model_alias("served", "champion", "1")
    server = start("serve", "--model", "models:/served@champion", "--refresh", "0.2")
    assert server.ready.startswith("Serving served version 1 (test accuracy 95.12 %) on ")
    with Askers(server, mnist_sample.x_test[:1], [small_model, other_model]) as askers:
        askers.wait_for(lambda: bool(askers.seen))
        client.set_registered_model_alias("served", "champion", "2")
        askers.wait_for(lambda: "now answering with served version 2" in server.log.read_text())
    assert not askers.problems
    assert askers.seen[0] == "served/1" and askers.seen[-1] == "served/2"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_under_way_is_answered_before_the_server_stops(start, small_model, number):
    server = start("serve", "--model", str(small_model))
    body = json.dumps({"inputs": [BLANK]}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", "/invocations")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:1000])
    # The server has begun on this request once it answers another that came later.
    assert requests.get(server.url + "/ping", timeout=60).status_code == 200
    server.process.send_signal(number)
    with pytest.raises(requests.ConnectionError):
        while True:
            requests.get(server.url + "/ping", timeout=60)
    connection.send(body[1000:])
    assert connection.getresponse().status == 200
    assert server.wait() == 0
    assert server.rest == "Stopped.\n"
    assert server.log.read_text() == ""


@pytest.mark.slow
def test_no_request_is_dropped_when_the_server_stops(start, small_model):
    server = start("serve", "--model", str(small_model))
    body = json.dumps({"inputs": [BLANK]})
    broken, answered, started = [], [0] * 8, threading.Barrier(9)

    def client(number):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        started.wait()
        while True:
            if connection.sock is None:
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    return
            try:
                connection.request("POST", "/invocations", body, JSON)
                response = connection.getresponse()
                response.read()
            except (http.client.HTTPException, OSError) as error:
                broken.append(error)
                return
            if response.status != 200:
                broken.append(response.status)
            answered[number] += 1

    clients = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for each in clients:
        each.start()
    started.wait()
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    for each in clients:
        each.join()
    assert server.wait() == 0
    assert not broken
    assert min(answered) > 0


def run(*arguments, **environment):
    command = [sys.executable, "-m", "digits.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["serve", "draw"])
def test_what_keeps_a_server_from_starting_is_one_line(command, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(command, "--model", "x.keras", "--port", str(port))
    assert result.returncode == 1
    assert result.stderr.startswith(f"digits: port {port} of 127.0.0.1 is taken: ")
    assert result.stderr.count("\n") == 1

    missing = run(command, "--model", str(tmp_path / "x.keras"), "--port", "0")
    assert missing.returncode == 1
    assert "x.keras" in missing.stderr and missing.stderr.count("\n") == 1

    foreign = run(command, "--host", "192.0.2.1", "--port", "0")
    assert foreign.returncode == 1
    assert foreign.stderr.startswith("digits: cannot listen on --host 192.0.2.1: ")

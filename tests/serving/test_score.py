import asyncio
import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.clothes import CLOTHES
from support.scoring import ANY_JSON, BLANK, JSON, LEAF, MALFORMED, altered, assert_refused, post

from digits.model.classifier import load_classifier
from digits.registry.resolve import resolve
from digits.serving.example import SEVEN
from digits.serving.score import ScoringModel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(start, small_model):
    return start("serve", "--model", str(small_model))


def test_printed_curl_line_works_as_printed(server):
    if shutil.which("curl") is None:
        pytest.skip("no curl on PATH")
    line = next(line for line in server.ready.splitlines() if line.strip().startswith("curl"))
    answer = subprocess.run(line, shell=True, capture_output=True, text=True, check=True).stdout
    assert json.loads(answer)["digits"] == [7]
    assert answer.startswith('{"digits":[7],"classes":["7"],') and answer.endswith("\n")


def test_a_model_of_another_size_has_an_example_of_its_own_and_names_its_classes(start, clothes_model, tmp_path):
    """The printed line works wherever it is typed."""
    if shutil.which("curl") is None:
        pytest.skip("no curl on PATH")
    server = start("serve", "--model", str(clothes_model))
    line = next(line for line in server.ready.splitlines() if line.strip().startswith("curl"))
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=True, cwd=tmp_path)
    answer = json.loads(done.stdout)
    assert list(answer) == ["digits", "classes", "predictions"]
    assert answer["classes"] == [CLOTHES[answer["digits"][0]]]
    assert requests.get(server.url + "/model", timeout=60).json()["classes"] == CLOTHES
    assert "each image 32 rows of 32 integers" in server.ready
    usual = requests.post(server.url + "/invocations", data=SEVEN.read_bytes(), headers=JSON, timeout=60)
    assert usual.status_code == 400 and "32 rows are expected" in usual.json()["error"]


def test_answers_are_the_models_to_the_last_bit(server, small_model, mnist_sample):
    images = mnist_sample.x_test
    response = post(server, json.dumps({"inputs": images.tolist()}))
    assert response.status_code == 200
    predictions = np.array(response.json()["predictions"], np.float32)
    np.testing.assert_array_equal(predictions, load_classifier(small_model)(images))
    assert response.json()["digits"] == predictions.argmax(1).tolist()
    single = post(server, json.dumps({"instances": images[:1].tolist()})).json()["predictions"]
    np.testing.assert_allclose(single, predictions[:1], atol=1e-6)


def test_the_probabilities_are_those_of_mlflow_to_the_last_digit(small_model, mnist_sample):
    """MLflow's application, which has the same model, is asked without the guard in front of it."""
    model = ScoringModel(resolve(str(small_model), lambda: pytest.fail("a file needs no store")))
    for images in (mnist_sample.x_test[:1], mnist_sample.x_test[:7]):
        body = json.dumps({"inputs": images.tolist()}).encode()
        # In a thread: Playwright's event loop may run in this one.
        with ThreadPoolExecutor(1) as pool:
            theirs = json.loads(pool.submit(asyncio.run, answer_of(model.app, body)).result())
        ours = json.loads(model.invocations(images).body)
        assert len(theirs["predictions"]) == len(images) and theirs["predictions"] == ours["predictions"]


async def answer_of(app, body):
    """The body of an application's answer to a POST to /invocations."""
    parts = []
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), (b"host", b"localhost")]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": "POST"}
    scope |= {"path": "/invocations", "raw_path": b"/invocations", "query_string": b"", "headers": headers}
    sent = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive():
        return next(sent, None) or await asyncio.Event().wait()

    async def send(message):
        parts.append(message.get("body", b""))

    await app(scope | {"root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)}, receive, send)
    return b"".join(parts)


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


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_bodies_are_4xx(server, body):
    assert_refused(post(server, body))


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

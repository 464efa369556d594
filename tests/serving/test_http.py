import asyncio
import http.client
import json
import re
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support.scoring import BLANK, JSON, post

from digits.errors import DigitsError
from digits.serving import http as serving
from digits.serving.http import (
    ClientGoneError,
    RequestError,
    address,
    check_host,
    header,
    listen,
    read_body,
    send_refusal,
)
from digits.serving.score import MAX_BODY


def scope(**headers):
    return {"type": "http", "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]}


def finish(coroutine):
    """Run it in a thread of its own, because the browser of other tests leaves an event loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def read(messages, limit=10, **headers):
    """`read_body` of a request whose messages are these; after them nothing comes."""
    waiting = iter(messages)

    async def receive():
        message = next(waiting, None)
        return message if message is not None else await asyncio.sleep(60)

    return finish(read_body(scope(**headers), receive, limit))


def part(body, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_header_is_found_by_its_name_in_lower_case():
    assert header(scope(content_type="text/csv"), b"content-type") == "text/csv"
    assert header(scope(), b"content-type") == ""


def test_a_body_is_put_together_from_its_parts():
    assert read([part(b"abc"), part(b"de"), part(b"", more=False)]) == b"abcde"
    assert read([part(b"0123456789", more=False)]) == b"0123456789"


def test_a_body_that_is_too_large_is_refused_after_its_last_part():
    messages = iter([part(b"01234567"), part(b"89a"), part(b"b", more=False), {"type": "not asked for"}])
    with pytest.raises(RequestError, match="MiB at most") as caught:
        read(messages)
    assert caught.value.status == 413
    assert next(messages) == {"type": "not asked for"}


def test_a_client_that_waits_for_leave_is_refused_before_it_sends():
    with pytest.raises(RequestError) as caught:
        read([], content_length="11", expect="100-continue")
    assert caught.value.status == 413


def test_a_body_that_does_not_end_is_refused_in_time(monkeypatch):
    monkeypatch.setattr(serving, "BODY_SECONDS", 0.05)
    with pytest.raises(RequestError, match="did not arrive within") as caught:
        read([part(b"abc")])
    assert caught.value.status == 408


def test_a_closed_connection_has_nobody_to_answer():
    with pytest.raises(ClientGoneError):
        read([part(b"abc"), {"type": "http.disconnect"}])


@pytest.mark.parametrize(
    ("host", "name", "accepted"),
    [
        ("127.0.0.1", "127.0.0.1:5001", True),
        ("127.0.0.1", "LOCALHOST:5001", True),
        ("::1", "[::1]:5001", True),
        ("127.0.0.1", "rebound.example:5001", False),
        ("127.0.0.1", "", False),
        ("0.0.0.0", "laptop.example:5001", True),
    ],
)
def test_loopback_answers_only_to_its_own_names(host, name, accepted):
    if accepted:
        check_host(scope(host=name), host)
    else:
        with pytest.raises(RequestError) as caught:
            check_host(scope(host=name), host)
        assert caught.value.status == 421


@pytest.mark.parametrize(("status", "closes"), [(400, False), (408, True), (413, True)])
def test_a_refusal_is_json_and_closes_a_connection_with_an_unread_body(status, closes):
    sent = []

    async def send(message):
        sent.append(message)

    finish(send_refusal(send, RequestError(status, "Say “ink” instead."), [(b"x", b"y")]))
    start, body = sent
    assert start["status"] == status and json.loads(body["body"]) == {"error": "Say “ink” instead."}
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()
    assert ((b"connection", b"close") in start["headers"]) is closes and (b"x", b"y") in start["headers"]


def test_a_port_is_taken_at_once_and_named():
    with listen("127.0.0.1", 0) as sock:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address(sock))
        port = sock.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
        with pytest.raises(DigitsError, match=f"port {port} of 127.0.0.1 is taken: "):
            listen("127.0.0.1", port)


# --- The real server ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(start, small_model):
    return start("serve", "--model", str(small_model))


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

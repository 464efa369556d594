"""How long one image takes over HTTP, against a bare echo of the same request; and a batch of 1,000.

Both servers run at the same time on this machine and are asked in turn over one kept-alive connection each, so that
whatever else the machine does hits both. Run it on a quiet machine: `python -m benchmarks serving [--requests 3000]`
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.process import environment
from benchmarks.record import Session, parser
from benchmarks.summary import ratio, spread
from digits import paths
from digits.files import missing
from digits.serving.http import listen

HEADERS = {"Content-Type": "application/json"}
WARM_UP = 300
_BATCH = 1000


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("serving", __doc__)
    options.add_argument(
        "--model", type=Path, default=paths.MODEL, help="a .keras file, or whatever `digits serve` takes"
    )
    options.add_argument("--requests", type=int, default=3000)
    chosen = options.parse_args(arguments)
    if not chosen.model.exists():
        raise missing(chosen.model)
    session = Session("serving", arguments, chosen)
    echo, serve, batch = ask(str(chosen.model), 100 if chosen.quick else chosen.requests)
    session.finish(
        image=[
            _row("echo: FastAPI on uvicorn gives the body back", echo, echo),
            _row("`digits serve`", serve, echo),
        ],
        batch=[{"what": f"{_BATCH:,} images in a request", "n": len(batch), "ms": spread(batch)}],
    )


def ask(model: str, requests: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of one image in the echo, of the same in `digits serve`, and of a batch there.

    Args:
        model: what `digits serve` takes.
        requests: how many of one image, after the warm-up.
    """
    ports = [free_port(), free_port()]
    commands = [
        [sys.executable, "-m", "benchmarks.echo", str(ports[0])],
        [sys.executable, "-m", "digits.cli", "serve", "--model", model, "--port", str(ports[1])],
    ]
    quiet = subprocess.DEVNULL
    servers = [subprocess.Popen(command, env=environment(), stdout=quiet, stderr=quiet) for command in commands]
    try:
        rng = np.random.default_rng(0)
        body, batch = (json.dumps({"inputs": rng.integers(0, 256, (n, 28, 28)).tolist()}).encode() for n in (1, _BATCH))
        # The model takes seconds to load, after which the other server would have closed an idle connection.
        post(connect(ports[1]), body)
        connections = [connect(port) for port in ports]
        times: list[list[float]] = [[], []]
        for _ in range(WARM_UP + requests):
            for connection, mine in zip(connections, times, strict=True):
                mine.append(timed(partial(post, connection, body)))
        batches = [timed(lambda: post(connections[1], batch)) for _ in range(10)]
    finally:
        for server in servers:
            server.terminate()
            server.wait()
    return times[0][WARM_UP:], times[1][WARM_UP:], batches


def _row(name: str, milliseconds: list[float], echo: list[float]) -> dict[str, Any]:
    return {
        "what": name,
        "n": len(milliseconds),
        "p50, ms": spread(milliseconds),
        "p99, ms": float(np.percentile(milliseconds, 99)),
        "of the echo": ratio(milliseconds, echo),
    }


def timed(call: Callable[[], object]) -> float:
    """Milliseconds that a call takes."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def post(connection: http.client.HTTPConnection, body: bytes) -> bytes:
    """Ask a server. Returns the body of its answer."""
    connection.request("POST", "/invocations", body, HEADERS)
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {answer[:200]!r}")
    return answer


def connect(port: int, seconds: float = 120) -> http.client.HTTPConnection:
    """Connect once the server listens."""
    end = time.monotonic() + seconds
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            connection.connect()
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return connection


def free_port() -> int:
    """A port on which nothing listens."""
    with listen("127.0.0.1", 0) as sock:
        return int(sock.getsockname()[1])

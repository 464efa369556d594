"""How long one image takes over HTTP, against a bare echo of the same request; and a batch of 1,000 in process.

Both servers run at the same time on this machine and are asked in turn over one kept-alive connection each, so that
whatever else the machine does hits both. Run it on a quiet machine:

    python benchmarks/serving.py [MODEL.keras] [--requests 3000]
"""

import argparse
import http.client
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from digits.serving.http import listen

HEADERS = {"Content-Type": "application/json"}
WARM_UP = 300


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="models/model.keras")
    parser.add_argument("--requests", type=int, default=3000)
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} CPUs ({_cpu()}), load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}")
    compare_http(arguments.model, arguments.requests)
    time_batch(arguments.model)


def compare_http(model: str, requests: int) -> None:
    """Latency of one image in `digits serve` and of the same request in the echo."""
    ports = [_free_port(), _free_port()]
    here = Path(__file__).parent
    commands = [
        [sys.executable, str(here / "echo.py"), str(ports[0])],
        [sys.executable, "-m", "digits.cli", "serve", "--model", model, "--port", str(ports[1])],
    ]
    servers = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for c in commands]
    try:
        rng = np.random.default_rng(0)
        body = json.dumps({"inputs": rng.integers(0, 256, (1, 28, 28)).tolist()}).encode()
        # The model takes seconds to load, after which the other server would have closed an idle connection.
        _post(_connect(ports[1]), body)
        connections = [_connect(port) for port in ports]
        times: list[list[float]] = [[], []]
        for _ in range(WARM_UP + requests):
            for connection, mine in zip(connections, times, strict=True):
                mine.append(_timed(lambda c=connection: _post(c, body)))
        echo, serve = (np.percentile(mine[WARM_UP:], [50, 95]) * 1e3 for mine in times)
        print(f"HTTP, one image of {len(body):,} bytes, n = {requests:,}, milliseconds:")
        print(f"  echo          p50 {echo[0]:6.2f}   p95 {echo[1]:6.2f}")
        print(f"  digits serve  p50 {serve[0]:6.2f}   p95 {serve[1]:6.2f}")
        print(f"  ratio         p50 {serve[0] / echo[0]:6.2f}")
        batch = json.dumps({"inputs": rng.integers(0, 256, (1000, 28, 28)).tolist()}).encode()
        took = np.median([_timed(lambda: _post(connections[1], batch)) for _ in range(10)])
        print(f"HTTP, 1,000 images of {len(batch):,} bytes: {took * 1e3:.0f} ms, {1000 / took:,.0f} images/s")
    finally:
        for server in servers:
            server.terminate()
            server.wait()


def time_batch(model: str) -> None:
    """Throughput of the classifier in this process, without HTTP."""
    from digits.model.classifier import load_classifier

    classifier = load_classifier(Path(model))
    images = np.random.default_rng(0).integers(0, 256, (1000, 28, 28), dtype=np.uint8)
    for _ in range(3):
        classifier(images)
    took = np.median([_timed(lambda: classifier(images)) for _ in range(20)])
    print(f"In process, 1,000 images: {took * 1e3:.0f} ms, {1000 / took:,.0f} images/s")


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _post(connection: http.client.HTTPConnection, body: bytes) -> bytes:
    connection.request("POST", "/invocations", body, HEADERS)
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {answer[:200]!r}")
    return answer


def _connect(port: int, seconds: float = 120) -> http.client.HTTPConnection:
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


def _free_port() -> int:
    with listen("127.0.0.1", 0) as sock:
        return int(sock.getsockname()[1])


def _cpu() -> str:
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()

"""MLflow's own server with its interface, as a process of this machine that only writes into a log."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from digits import paths
from digits.errors import DigitsError
from digits.tracking.store import ARTIFACTS

# A busy machine may need long to import MLflow.
_START_SECONDS = 120


class Server:
    """A running server."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process, self._log = process, log

    def wait(self) -> None:
        """Wait until the server ends, or Ctrl-C.

        Raises:
            DigitsError: it ended by itself.
        """
        try:
            self._process.wait()
        except KeyboardInterrupt:
            return
        self.refuse_ended()

    def refuse_ended(self) -> None:
        """Raise a DigitsError with the log's last line if the server has ended."""
        if self._process.poll() is not None:
            said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["nothing"]
            raise DigitsError(f"MLflow's server ended; its last line in {os.path.relpath(self._log)}: {said[-1]}")


@contextmanager
def started(port: int, uri: str, log: Path) -> Iterator[Server]:
    """A server that answers on 127.0.0.1. It is stopped at the end.

    Args:
        port: a free one.
        uri: of a database.
        log: takes what the server says.

    Raises:
        DigitsError: it ends, or does not answer within two minutes.
    """
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    # One process answers one person.
    command += ["--workers", "1", "--backend-store-uri", uri]
    command += ["--default-artifact-root", (paths.project_root() / ARTIFACTS).as_uri()]
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    server = Server(process, log)
    try:
        for _ in range(_START_SECONDS * 5):
            server.refuse_ended()
            if _answers(port):
                break
            time.sleep(0.2)
        else:
            raise DigitsError(f"MLflow's server does not answer after {_START_SECONDS} s; see {os.path.relpath(log)}")
        yield server
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok
    except requests.RequestException:
        return False

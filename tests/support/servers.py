"""A `digits` command that serves, in a process of its own."""

import signal
import socket
import subprocess
import sys
from pathlib import Path


def free_port() -> int:
    """The number of a port of 127.0.0.1 where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """A running server.

    Attributes:
        ready: what it printed until it was ready.
        url: its address, such as http://127.0.0.1:5001.
        port: the number in it.
        log: the file that takes its standard error.
        rest: what it printed after that; known once it has ended.
    """

    def __init__(self, *arguments: str, log: Path) -> None:
        """Start `digits` with these arguments on a free port, and wait until it is ready."""
        self.log = log
        self._errors = log.open("wb")
        command = [sys.executable, "-m", "digits.cli", *arguments, "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._errors, text=True)
        self.ready = ""
        for line in self.process.stdout:
            self.ready += line
            if "Ctrl-C" in line:
                break
        words = [word.rstrip(",") for word in self.ready.split() if word.startswith("http://127.0.0.1:")]
        assert words, f"no address in {self.ready!r}; standard error: {log.read_text()}"
        self.url = words[0]
        self.port = int(self.url.rsplit(":", 1)[1])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end. Returns the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end. Returns the exit code."""
        self.rest = self.process.communicate(timeout=60)[0]
        self._errors.close()
        return self.process.returncode

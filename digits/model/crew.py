"""The processes that train a network together: started at once, ended together, and compared after every epoch."""

from __future__ import annotations

import json
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from digits.errors import DigitsError

# When one dies, others do so because of that. Which was first is known a moment later.
_SECONDS_TO_SETTLE = 0.5


class Crew:
    """Processes with one training. They end with the block, whatever ends it, and with this process.

    `way_out` stands at the end of the message if one dies.
    """

    def __init__(self, folder: Path, workers: int, way_out: str) -> None:
        """Start them.

        Args:
            folder: with job.json; it takes what the processes write to standard error.
            workers: how many.
            way_out: what to do if one dies.
        """
        self.way_out = way_out
        self._errors = [folder / f"worker-{rank + 1}.txt" for rank in range(workers)]
        self._lines: queue.Queue[tuple[int, dict[str, Any] | None]] = queue.Queue()
        self._processes: list[subprocess.Popen[str]] = []
        for rank, file in enumerate(self._errors):
            with file.open("w", encoding="utf-8") as errors:
                process = subprocess.Popen(
                    [sys.executable, "-m", "digits.model.worker", str(folder), str(rank)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
            self._processes.append(process)
            threading.Thread(target=self._read, args=(rank, process), daemon=True).start()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
            with suppress(OSError):
                process.stdin.close() if process.stdin else None

    def epochs(self) -> Iterator[dict[str, Any]]:
        """The epochs in order, each when all processes have reported it and have the same state.

        Yields:
            `epoch`, from 1, and its metrics.

        Raises:
            DigitsError: a process died or refused, or the states differ; `way_out` is a part of the message.
        """
        waiting: dict[int, list[dict[str, Any]]] = {}
        running = len(self._processes)
        while running:
            rank, line = self._lines.get()
            if line is None:
                if self._processes[rank].wait():
                    raise self._why()
                running -= 1
                continue
            alike = waiting.setdefault(line["epoch"], [])
            alike.append(line)
            if len(alike) == len(self._processes):
                if any(one != line for one in alike):
                    raise DigitsError(
                        f"the workers have different weights after epoch {line['epoch']}, which must not be: "
                        f"{self.way_out}"
                    )
                yield {name: value for name, value in line.items() if name != "state"}

    def _read(self, rank: int, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                self._lines.put((rank, json.loads(line)))
        self._lines.put((rank, None))

    def _why(self) -> DigitsError:
        """Why one of them ended too early: a signal from outside, its own refusal, or something else."""
        time.sleep(_SECONDS_TO_SETTLE)
        ended = [(rank, process.poll()) for rank, process in enumerate(self._processes)]
        failed = [(rank, code) for rank, code in ended if code]
        # Where one was killed, the others only lost their connection to it.
        rank, code = min(failed, key=lambda one: one[1] != -signal.SIGKILL)
        who = f"worker {rank + 1} of {len(self._processes)}"
        said = self._errors[rank].read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(said) if line.strip()), "it said nothing")
        if code == 1 and last.startswith("train: "):
            return DigitsError(last.removeprefix("train: "))
        if code < 0:
            return DigitsError(f"{who} was killed ({signal.Signals(-code).name}), and the others ended: {self.way_out}")
        return DigitsError(f"{who} failed ({last[:200]}; all of it: {self._errors[rank]}): {self.way_out}")


def free_port() -> int:
    """A port of 127.0.0.1 where nothing listens now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]

"""The processes that train a network together: started at once, ended together, and compared after every epoch."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from digits.errors import DigitsError
from digits.workers.nodes import free_port

LOOPBACK = "127.0.0.1"

# When one dies, others do so because of that. Which was first is known a moment later.
_SECONDS_TO_SETTLE = 0.5


class Program(Protocol):
    """A Python program that runs, here or on a node of a cluster."""

    def lines(self) -> Iterator[str]:
        """What it prints, until it ends."""

    def wait(self) -> int:
        """Its exit code, after its last line; a signal that ended it as a negative number."""

    def end(self) -> None:
        """Kill it, if it runs, and let go of it."""


class Places(Protocol):
    """Where programs run that train together: as `digits.workers.nodes.Places`, or `Here`."""

    hosts: list[str]
    coordinator: str

    def start(self, rank: int, words: Sequence[str], errors: Path) -> Program:
        """Start `python WORDS`; `errors` takes what it writes to standard error."""


class Here:
    """Room for programs on this machine, which meet on 127.0.0.1."""

    def __init__(self, count: int) -> None:
        self.hosts = [LOOPBACK] * count
        self.coordinator = f"{LOOPBACK}:{free_port(LOOPBACK)}"

    def start(self, _: int, words: Sequence[str], errors: Path) -> Program:
        """Start `python WORDS`; `errors` takes what it writes to standard error."""
        return _Process(words, errors)


class _Process:
    """A program on this machine. It sees the end of this process as that of its standard input."""

    def __init__(self, words: Sequence[str], errors: Path) -> None:
        with errors.open("w", encoding="utf-8") as file:
            self._process = subprocess.Popen(
                [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True
            )

    def lines(self) -> Iterator[str]:
        assert self._process.stdout is not None
        yield from self._process.stdout

    def wait(self) -> int:
        return self._process.wait()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        with suppress(OSError):
            self._process.stdin.close() if self._process.stdin else None


class Crew:
    """Processes with one training. They end with the block, whatever ends it, and with this process.

    `way_out` stands at the end of the message if one dies.
    """

    def __init__(self, folder: Path, places: Places, way_out: str) -> None:
        """Start them.

        Args:
            folder: with job.json; it takes what the processes write to standard error.
            places: where they run, one in each.
            way_out: what to do if one dies.
        """
        self.way_out = way_out
        self._errors = [folder / f"worker-{rank + 1}.txt" for rank in range(len(places.hosts))]
        self._lines: queue.Queue[tuple[int, dict[str, Any] | None]] = queue.Queue()
        self._codes: dict[int, int] = {}
        self._programs: list[Program] = []
        for rank, (host, errors) in enumerate(zip(places.hosts, self._errors, strict=True)):
            words = ["-m", "digits.model.worker", str(folder), str(rank), host]
            program = places.start(rank, words, errors)
            self._programs.append(program)
            threading.Thread(target=self._read, args=(rank, program), daemon=True).start()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for program in self._programs:
            program.end()

    def epochs(self) -> Iterator[dict[str, Any]]:
        """The epochs in order, each when all processes have reported it and have the same state.

        Yields:
            `epoch`, from 1, and its metrics.

        Raises:
            DigitsError: a process died or refused, or the states differ; `way_out` is a part of the message.
        """
        waiting: dict[int, list[dict[str, Any]]] = {}
        running = len(self._programs)
        while running:
            rank, line = self._lines.get()
            if line is None:
                if self._codes[rank]:
                    raise self._why()
                running -= 1
                continue
            alike = waiting.setdefault(line["epoch"], [])
            alike.append(line)
            if len(alike) == len(self._programs):
                if any(one != line for one in alike):
                    raise DigitsError(
                        f"the workers have different weights after epoch {line['epoch']}, which must not be: "
                        f"{self.way_out}"
                    )
                yield {name: value for name, value in line.items() if name != "state"}

    def _read(self, rank: int, program: Program) -> None:
        for line in program.lines():
            if line.startswith("{"):
                self._lines.put((rank, json.loads(line)))
        self._codes[rank] = program.wait()
        self._lines.put((rank, None))

    def _why(self) -> DigitsError:
        """Why one of them ended too early: a signal from outside, its own refusal, or something else."""
        time.sleep(_SECONDS_TO_SETTLE)
        failed = [(rank, code) for rank, code in sorted(self._codes.items()) if code]
        # Where one was killed, the others only lost their connection to it.
        rank, code = min(failed, key=lambda one: one[1] != -signal.SIGKILL)
        who = f"worker {rank + 1} of {len(self._programs)}"
        if code < 0:
            return DigitsError(f"{who} was killed ({signal.Signals(-code).name}), and the others ended: {self.way_out}")
        said = self._errors[rank].read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(said) if line.strip()), "it said nothing")
        if code == 1 and last.startswith("train: "):
            return DigitsError(last.removeprefix("train: "))
        return DigitsError(f"{who} failed ({last[:200]}; all of it: {self._errors[rank]}): {self.way_out}")

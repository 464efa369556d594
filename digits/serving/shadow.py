"""The server's side of a shadow: what was answered waits here, is sent to the shadow's process, and is counted.

A request only puts its images into a queue. A thread empties the queue twice a second: woken by each request, it
would compete with the next one for Python's lock. Where the queue is full because the shadow is slower, images are
dropped.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from digits.errors import DigitsError
from digits.serving.shadow_reader import Batch, Facts, Reply, Task, misfit

if TYPE_CHECKING:
    from digits.registry.model import Model

# Images that wait at most, 8 MB of 28×28 pixels.
MOST_WAITING = 10_000
_SEND_SECONDS = 0.5
# Images that are sent at a time, so that a stop is not far away.
_SENT = 1000
# For what waits at the end, and for the last file of the log.
_STOP_SECONDS = 10
# The same modules as here, whatever folder this is.
_CODE = "import sys; sys.path[:] = {path!r}; from digits.serving.shadow_reader import main; main({number})"


class Shadow:
    """A process with a model that reads what another one has answered."""

    def __init__(
        self, name: str, resolve: Callable[[], Model], folder: Path, keep: float, refresh: float, served: Facts
    ) -> None:
        """Start the process, and wait until it has loaded its model.

        Args:
            name: of the model, for messages.
            resolve: finds the model that the name means now. The process calls it, so pickle must know it.
            folder: of the log.
            keep: megabytes of the log.
            refresh: seconds between two calls of `resolve`.
            served: the model that answers now.

        Raises:
            DigitsError: the model is missing, cannot be loaded, or is not for the same images and classes.
        """
        # Images. Those that were sent and have no reply yet are waiting.
        self._offered = self._waiting_images = self._read = self._disagreed = 0
        self._is_lost = False
        self._waiting: deque[Batch] = deque()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send_on, daemon=True, name="shadow")
        self._connection, theirs = Pipe()
        code = _CODE.format(path=sys.path, number=theirs.fileno())
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # Ctrl-C is for the server.
            start_new_session=True,
        )
        theirs.close()
        try:
            self._facts = self._begin(name, Task(resolve, folder, keep, refresh), served)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        self._thread.start()

    def _begin(self, name: str, task: Task, served: Facts) -> Facts:
        try:
            self._connection.send(task)
            found: Facts | str = self._connection.recv()
        except (EOFError, OSError):
            found = f"its process ended at its start with code {self._process.wait()}"
        if isinstance(found, str):
            raise DigitsError(f"--shadow {name}: {found}")
        if problem := misfit(found, served):
            raise DigitsError(f"--shadow {name}: {problem}")
        return found

    def offer(self, batch: Batch) -> None:
        """Take what was answered, or drop it. Called in the event loop, after the answer was sent."""
        count = len(batch.ids)
        with self._lock:
            self._offered += count
            if not self._is_lost and self._waiting_images + count <= MOST_WAITING:
                self._waiting.append(batch)
                self._waiting_images += count

    def counts(self) -> dict[str, str | int]:
        """What became of the images, for JSON.

        Returns:
            `name` and `sha256` of the model as of the last reply; how many images it `read` and in how many of them it
            `disagreed`, how many were `dropped`, whatever the reason, and how many are `waiting`.
        """
        with self._lock:
            return {
                "name": self._facts.title,
                "sha256": self._facts.sha256,
                "read": self._read,
                "disagreed": self._disagreed,
                "dropped": self._offered - self._read - self._waiting_images,
                "waiting": self._waiting_images,
            }

    def close(self) -> None:
        """Let the process read what waits, and end it."""
        self._ended.set()
        self._thread.join(_STOP_SECONDS)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        # The end of a process that hangs ends the thread.
        self._thread.join()
        self._process.wait()
        self._connection.close()

    def _send_on(self) -> None:
        try:
            while not self._ended.wait(_SEND_SECONDS):
                self._send_waiting()
            self._send_waiting()
            self._connection.send(None)
        except (EOFError, OSError):
            self._lose()

    def _send_waiting(self) -> None:
        while batch := self._next():
            self._connection.send(batch)
            reply: Reply = self._connection.recv()
            with self._lock:
                self._facts = reply.shadow
                self._waiting_images -= len(batch.ids)
                self._read += reply.read
                self._disagreed += reply.disagreed

    def _next(self) -> Batch | None:
        """Some of what waits and was answered by one model."""
        taken: list[Batch] = []
        images = 0
        with self._lock:
            while self._waiting and images < _SENT and (not taken or self._waiting[0].served == taken[0].served):
                taken.append(self._waiting.popleft())
                images += len(taken[-1].ids)
        if not taken:
            return None
        ids = [row for batch in taken for row in batch.ids]
        pixels, probabilities = (np.concatenate(arrays) for arrays in zip(*(batch[2:] for batch in taken), strict=True))
        return Batch(taken[0].served, ids, pixels, probabilities)

    def _lose(self) -> None:
        """Go on without the process, which has ended."""
        self._process.kill()
        print(f"digits: the shadow ended with code {self._process.wait()}; answering without it", file=sys.stderr)
        with self._lock:
            self._is_lost = True
            self._waiting.clear()
            self._waiting_images = 0


def in_words(counts: dict[str, str | int]) -> str:
    """`Shadow.counts` in a line."""
    line = "Images for the shadow {name}: {read:,} read, {disagreed:,} disagreed, {dropped:,} dropped."
    return line.format(**counts)

"""Time that a call takes, without the time that it waits for a processor while other processes run.

Unlike a processor's time it has sleeping, reading and waiting for an answer in it, so a build that sleeps is slower.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_THREAD = Path("/proc/thread-self/schedstat")


def _waited() -> float:
    """Seconds that this thread has been ready to run and was not running. Only Linux tells; elsewhere 0."""
    return int(_THREAD.read_text().split()[1]) / 1e9 if _THREAD.exists() else 0.0


@dataclass(frozen=True)
class Mark:
    """A point in time. `later - earlier` is how many seconds lie between.

    That is what this thread did not spend waiting, or the processors' time of all threads where that is more: while
    another thread works for it, this one may wait for the same processor. Before and after reading the clock the thread
    may have to wait, too. The order of the readings has such a wait count as time taken, never the other way round.
    """

    waited_before: float = field(default_factory=_waited)
    now: float = field(default_factory=time.perf_counter)
    waited_after: float = field(default_factory=_waited)

    processors: float = field(default_factory=time.process_time)

    def __sub__(self, earlier: Mark) -> float:
        own = self.now - earlier.now - (self.waited_before - earlier.waited_after)
        return max(own, self.processors - earlier.processors)


def seconds(call: Callable[[], object]) -> float:
    """Seconds of a call, see `Mark`."""
    started = Mark()
    call()
    return Mark() - started

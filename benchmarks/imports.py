"""What imports take in a program: `python -m benchmarks.imports REPORT MODULE [ARGUMENTS]` runs `python -m MODULE`.

`python -X importtime` writes to standard error, which this project closes while TensorFlow is loaded. REPORT becomes a
JSON file: seconds by package, those of each module without what it imports in turn.
"""

from __future__ import annotations

import atexit
import importlib
import json
import runpy
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import ModuleType
from typing import Any

_bootstrap: Any = importlib._bootstrap


class Clock(threading.local):
    """The modules that a thread is importing, each with the seconds that its own imports took so far."""

    def __init__(self) -> None:
        self.inner: list[float] = []


def watch(seconds: dict[str, float]) -> None:
    """Add to `seconds` what each module takes that is imported from now on."""
    load, clock = _bootstrap._find_and_load, Clock()

    def timed(name: str, import_: Any) -> ModuleType:
        started = time.perf_counter()
        clock.inner.append(0.0)
        try:
            return load(name, import_)
        finally:
            took = time.perf_counter() - started
            seconds[name.partition(".")[0]] += took - clock.inner.pop()
            if clock.inner:
                clock.inner[-1] += took

    # Python itself calls this for each module that is not loaded yet.
    _bootstrap._find_and_load = timed


def main() -> None:
    """Run the module that the command line names."""
    report, module, *arguments = sys.argv[1:]
    seconds: dict[str, float] = defaultdict(float)
    atexit.register(lambda: Path(report).write_text(json.dumps(seconds)))
    sys.argv = [module, *arguments]
    watch(seconds)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

"""Commands as whole processes: how long they take, and how much memory they take at most."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from digits import dvc
from digits.errors import DigitsError, one_line

Result = TypeVar("Result")

MEGABYTE = 1e6
_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Usage:
    """What a command took.

    Attributes:
        seconds: from its start to its end.
        waited: of these, how long its main thread waited for a processor while others ran.
        cpu: seconds of processor time, with the processes below it that it waited for.
        peak_mb: largest resident memory of one process of it, in 10^6 bytes.
        output: what it printed.
        errors: what it printed to standard error.
    """

    seconds: float
    waited: float
    cpu: float
    peak_mb: float
    output: str
    errors: str


def environment() -> dict[str, str]:
    """The environment of this process: its Python first on PATH, and no settings of MLflow and DVC."""
    kept = {key: value for key, value in dvc.environment().items() if not key.startswith(("MLFLOW_", "DVC_"))}
    for key in ("PYTHONPATH", "PYTHONHOME"):
        kept.pop(key, None)
    return kept


def run(command: Sequence[str], folder: Path | str = ".", allowed: Sequence[int] = (0,)) -> Usage:
    """Run a command and measure it.

    Args:
        command: its words.
        folder: where it runs.
        allowed: exit codes that are no failure.

    Raises:
        DigitsError: it fails; the message has the last line that it printed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "usage")
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(_LAUNCH), str(report), *command],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in allowed:
            last = (done.stderr.strip() or done.stdout.strip() or "it printed nothing").splitlines()[-1]
            raise DigitsError(f"`{' '.join(command)}` failed with code {done.returncode}: {one_line(last)}")
        seconds, waited, cpu, peak = map(float, report.read_text().split())
    return Usage(seconds, waited, cpu, peak / MEGABYTE, done.stdout, done.stderr)


def in_turn(calls: Mapping[str, Callable[[], Result]], rounds: int) -> dict[str, list[Result]]:
    """Call each function once a round, so that whatever else the machine does hits all of them alike.

    Args:
        calls: functions by name.
        rounds: how often.

    Returns:
        The results of each by its name, in order.
    """
    results: dict[str, list[Result]] = {name: [] for name in calls}
    for number in range(rounds):
        for name, call in calls.items():
            if sys.stderr.isatty():
                print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr)
            results[name].append(call())
    return results


def script(name: str) -> str:
    """A command of this environment, such as `digits` or `dvc`."""
    return os.fspath(Path(sys.executable).with_name(name))

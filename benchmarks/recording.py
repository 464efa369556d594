"""How much slower an answer is where it is logged, and where a shadow reads the image after it.

The same server without, with `--log`, and with `--log --shadow`. What they do beside their answers they do up to a
second later. So each is asked for some seconds, by one connection as fast as it is answered, and the next one when it
has come to rest. Run it on a quiet machine: `python -m benchmarks recording [--rounds 40]`
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.process import environment, in_turn
from benchmarks.record import Session, parser
from benchmarks.serving import WARM_UP, connect, free_port, post, timed
from benchmarks.summary import ratio, spread
from digits import paths
from digits.files import missing, sha256_file

# A turn: several of the log's seconds. The pause is longer than one of them.
_TURN_SECONDS = 3.0
_PAUSE_SECONDS = 1.3
_PLAIN, _LOG, _SHADOW = "`digits serve`", "with `--log`", "with `--log` and `--shadow`"


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("recording", __doc__)
    options.add_argument("--model", type=Path, default=paths.MODEL, help="a .keras file with its twin beside it")
    options.add_argument("--rounds", type=int, default=40, help="turns of each server")
    chosen = options.parse_args(arguments)
    if not chosen.model.is_file():
        raise missing(chosen.model)
    session = Session("recording", arguments, chosen)
    turns = ask(chosen.model, 2 if chosen.quick else chosen.rounds)
    pairs = [(_PLAIN, _PLAIN), (_LOG, _PLAIN), (_SHADOW, _PLAIN), (_SHADOW, _LOG)]
    session.finish(image=[_row(name, turns, other) for name, other in pairs])


def ask(model: Path, rounds: int) -> dict[str, list[list[float]]]:
    """The milliseconds of all answers of each turn, by server.

    Args:
        model: a .keras file.
        rounds: turns of each.
    """
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        shadow = another(model, Path(scratch, "another"))
        options = {
            _PLAIN: [],
            _LOG: ["--log", f"{scratch}/log"],
            _SHADOW: ["--log", f"{scratch}/shadowed", "--shadow", str(shadow)],
        }
        ports = {name: stack.enter_context(_server(["--model", str(model), *more])) for name, more in options.items()}
        body = json.dumps({"inputs": np.random.default_rng(0).integers(0, 256, (1, 28, 28)).tolist()}).encode()
        for port in ports.values():
            _turn(port, body, 1.0)
        return in_turn({name: partial(_turn, port, body) for name, port in ports.items()}, rounds)


def another(model: Path, folder: Path) -> Path:
    """The same network in a file of other bytes, with its twin: no model can be the shadow of itself."""
    file = shutil.copytree(model.parent, folder) / model.name
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"another"
    twin = folder / paths.TWIN.name
    twin.write_bytes(twin.read_bytes().replace(sha256_file(model).encode(), sha256_file(file).encode()))
    return file


def _turn(port: int, body: bytes, seconds: float = _TURN_SECONDS) -> list[float]:
    # A server closes a connection on which it is not asked for some seconds. At first it loads its model.
    connection = connect(port)
    time.sleep(_PAUSE_SECONDS)
    for _ in range(WARM_UP):
        post(connection, body)
    end = time.monotonic() + seconds
    times = []
    while time.monotonic() < end:
        times.append(timed(partial(post, connection, body)))
    return times


@contextmanager
def _server(options: Sequence[str]) -> Iterator[int]:
    """A server on a port, which is given."""
    port = free_port()
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-m", "digits.cli", "serve", *options, "--port", str(port)]
    process = subprocess.Popen(command, env=environment(), stdout=quiet, stderr=quiet)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def _row(name: str, turns: dict[str, list[list[float]]], other: str) -> dict[str, Any]:
    p50, p99 = (
        [[float(np.percentile(turn, percent)) for turn in turns[one]] for one in (name, other)] for percent in (50, 99)
    )
    return {
        "what": name,
        "turns": len(turns[name]),
        "answers": sum(map(len, turns[name])),
        "p50, ms": spread(p50[0]),
        "p99, ms": spread(p99[0]),
        "against": other,
        "p50, ratio": ratio(*p50),
        "p99, ratio": ratio(*p99),
    }

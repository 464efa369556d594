"""Whether this build is slower than it was, by ratios alone: `python -m benchmarks check`, or `make bench-check`.

The limits stand in benchmarks/limits.json. `--calibrate N` measures every ratio N times and writes them anew. A limit
is the upper end of the range in which one more measurement lies with a probability of 99.9 %, times a margin for other
processors.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from scipy.stats import t as student_t

from benchmarks.machine import machine, versions
from benchmarks.ratios import RATIOS
from digits.errors import DigitsError
from digits.files import read_json, write_json

LIMITS = Path(__file__).with_name("limits.json")
# How often a limit may be passed by chance.
_CHANCE = 0.001
# How much larger a ratio may be on another processor, whose caches and instructions favour one side.
_OTHER_PROCESSORS = 1.25


class Limit(BaseModel):
    """A limit, and the measurements that it comes from."""

    limit: float
    measured: list[float]


class Limits(BaseModel):
    """The content of limits.json."""

    machine: dict[str, Any]
    versions: dict[str, str]
    ratios: dict[str, Limit]


def main(arguments: Sequence[str]) -> None:
    """Measure the ratios and compare them, or measure the limits.

    Raises:
        DigitsError: ratios are beyond their limits.
    """
    options = argparse.ArgumentParser(prog="python -m benchmarks check", description=(__doc__ or "").splitlines()[0])
    options.add_argument("names", nargs="*", metavar="RATIO", help=f"default: all of {', '.join(RATIOS)}")
    options.add_argument("--calibrate", type=int, metavar="N", help="measure N times and write the limits, N ≥ 3")
    chosen = options.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in RATIOS]:
        raise DigitsError(f"there is no ratio {', '.join(unknown)}: there are {', '.join(RATIOS)}")
    names = chosen.names or list(RATIOS)
    if chosen.calibrate is not None:
        calibrate(names, chosen.calibrate)
        return
    if not LIMITS.is_file():
        raise DigitsError(f"{LIMITS} is missing: `git checkout` it, or `--calibrate 8` measures it")
    limits = read_json(LIMITS, Limits, "`python -m benchmarks check --calibrate 8` makes it anew")["ratios"]
    if absent := [name for name in names if name not in limits]:
        raise DigitsError(f"{LIMITS.name} has no limit of {', '.join(absent)}: `--calibrate 8` measures it")
    slower = compare({name: limits[name]["limit"] for name in names})
    if slower:
        raise DigitsError(f"slower than it was: {', '.join(slower)}; benchmarks/ratios.py says what they compare")


def compare(limits: Mapping[str, float]) -> list[str]:
    """Measure ratios, print them beside their limits, and name those that are beyond.

    A ratio beyond its limit is measured a second time, and the smaller counts: a moment's load fails nobody.
    """
    table = Table("ratio", "measured", "limit", "", title_justify="left")
    slower = []
    for name, limit in limits.items():
        measured = _measure(name)
        if measured > limit:
            measured = min(measured, _measure(name))
        if measured > limit:
            slower.append(name)
        table.add_row(name, f"{measured:.3g}", f"{limit:.3g}", "slower" if name in slower else "ok")
    Console().print(table)
    return slower


def calibrate(names: Sequence[str], times: int) -> None:
    """Measure ratios several times and write their limits. Those of the others stay.

    Raises:
        DigitsError: too few times for a distribution.
    """
    if times < 3:
        raise DigitsError(f"--calibrate {times}: three measurements are needed at least")
    measured: dict[str, list[float]] = {name: [] for name in names}
    for number in range(times):
        for name in names:
            measured[name].append(_measure(name))
        print(f"{number + 1} of {times} done", file=sys.stderr)
    kept = read_json(LIMITS, Limits)["ratios"] if LIMITS.is_file() else {}
    new = {name: {"limit": limit_of(values), "measured": values} for name, values in measured.items()}
    ordered = {name: (kept | new)[name] for name in RATIOS if name in kept | new}
    write_json(LIMITS, {"machine": machine(), "versions": versions(), "ratios": ordered})
    print(f"{LIMITS} is written")


def limit_of(values: Sequence[float]) -> float:
    """What a ratio may be at most, from several measurements of it.

    The upper end of Student's prediction interval of one more measurement, of the logarithms because a ratio is never
    negative, times `_OTHER_PROCESSORS`.
    """
    logs = np.log(values)
    reach = student_t.isf(_CHANCE, len(logs) - 1) * logs.std(ddof=1) * np.sqrt(1 + 1 / len(logs))
    return float(f"{np.exp(logs.mean() + reach) * _OTHER_PROCESSORS:.4g}")


def _measure(name: str) -> float:
    return float(f"{RATIOS[name]():.4g}")

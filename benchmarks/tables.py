"""The tables of the pages in docs/, made from the records: `python -m benchmarks tables`.

A table stands between `<!-- made by python -m benchmarks tables: NAME TABLE -->` and `<!-- end -->`. The table
`machine` is the line that says how, when and on what the benchmark ran.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.record import Cell, Record, read
from digits.errors import DigitsError
from digits.files import write_text

PAGES = tuple(Path("docs", f"{name}.md") for name in ("performance", "robustness", "monitoring", "team", "scale"))
MACHINE = "machine"
_BLOCK = re.compile(r"(<!-- made by python -m benchmarks tables: (\w+) (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(arguments: Sequence[str]) -> None:
    """Write the tables of the pages anew."""
    argparse.ArgumentParser(prog="python -m benchmarks tables", description=(__doc__ or "").splitlines()[0]).parse_args(
        arguments
    )
    for path in PAGES:
        old = path.read_text(encoding="utf-8")
        new = page(old)
        write_text(path, new)
        print(f"{path}: {'the tables are written anew' if new != old else 'the tables were current'}")


def page(text: str) -> str:
    """A page with every table as its record says.

    Raises:
        DigitsError: a record has no table of that name.
    """
    return _BLOCK.sub(lambda match: f"{match[1]}{_content(match[2], match[3])}\n{match[4]}", text)


def blocks(text: str) -> list[tuple[str, str]]:
    """Benchmark and table of each place in a page."""
    return [(match[2], match[3]) for match in _BLOCK.finditer(text)]


def markdown(rows: Sequence[Mapping[str, Cell]]) -> str:
    """A table in Markdown. Rows may lack columns; numbers are aligned to the right."""
    if not rows:
        return "Nothing to show."
    headings = list(dict.fromkeys(key for row in rows for key in row))
    lines = [headings, ["---" if _is_text(rows, heading) else "---:" for heading in headings]]
    lines += [[cell(row.get(heading)) for heading in headings] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: Cell) -> str:
    """A cell as people see it.

    `spread` becomes "median (q1 to q3)", `mean` becomes "mean ± sd (low to high)"; a single measurement is bare.
    """
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return _number(value)
    if "median" in value:
        ends = f" ({_number(value['q1'])} to {_number(value['q3'])})" if value["n"] > 1 else ""
        return f"{_number(value['median'])}{ends}"
    if "sd" in value:
        # All with the second digit of the standard deviation as their last.
        places = max(0, 1 - math.floor(math.log10(value["sd"]))) if value["sd"] else 2
        of_mean, deviation, low, high = (f"{value[key]:.{places}f}" for key in ("mean", "sd", "low", "high"))
        return f"{of_mean} ± {deviation} ({low} to {high})"
    return _number(value["mean"])


def caption(record: Record) -> str:
    """How, when and on what a benchmark ran, in a paragraph."""
    machine = record.machine
    hardware = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
    flags = f" ({', '.join(machine['flags'])})" if machine["flags"] else ""
    packages = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return (
        f"`{record.command}` on {record.date} at {record.commit}: {hardware}{flags}, {machine['system']}, load "
        f"{machine['load']} before; {packages}."
    )


def _content(name: str, table: str) -> str:
    record = read(name)
    if record is None:
        return f"Not measured yet: `python -m benchmarks {name}`."
    if table == MACHINE:
        return caption(record)
    if table not in record.tables:
        raise DigitsError(
            f"docs/performance/{name}.json has no table {table}, only {', '.join(record.tables)}: "
            f"run `python -m benchmarks {name}` again, or take the lines out"
        )
    return markdown(record.tables[table])


def _is_text(rows: Sequence[Mapping[str, Cell]], heading: str) -> bool:
    return any(isinstance(row.get(heading), str) for row in rows)


def _number(value: float) -> str:
    if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 1000):
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"

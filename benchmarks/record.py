"""The record of a benchmark: what was measured, how, when, and on what. A JSON file beside docs/performance.md."""

from __future__ import annotations

import argparse
import datetime
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel

from benchmarks.machine import machine, versions
from benchmarks.summary import Summary
from digits import git
from digits.files import read_json, write_json

FOLDER = Path("docs/performance")

Cell: TypeAlias = str | int | float | Summary | None
# The rows of a table. The keys are the headings of its columns.
Rows: TypeAlias = Sequence[Mapping[str, Cell]]


class Record(BaseModel):
    """The file's content."""

    benchmark: str
    command: str
    """What was typed."""
    date: str
    commit: str
    machine: dict[str, Any]
    versions: dict[str, str]
    tables: dict[str, list[dict[str, Cell]]]


def parser(name: str, doc: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has.

    Args:
        name: of the benchmark.
        doc: of its module; the first line describes it.
    """
    arguments = argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=(doc or "").splitlines()[0])
    arguments.add_argument("--quick", action="store_true", help="the smallest settings, to see that it works")
    arguments.add_argument("--output", type=Path, help=f"the record; default is {path_of(name)}, with --quick none")
    return arguments


def path_of(name: str) -> Path:
    """Where the record of a benchmark lies."""
    return FOLDER / f"{name}.json"


class Session:
    """A benchmark under way: it knows what the machine was like when it began."""

    def __init__(self, name: str, arguments: Sequence[str], options: argparse.Namespace) -> None:
        """Begin.

        Args:
            name: of the benchmark.
            arguments: what was typed after the name.
            options: the same, parsed by `parser`.
        """
        self.name = name
        self.output: Path | None = options.output or (None if options.quick else path_of(name))
        self._command = shlex.join(["python", "-m", "benchmarks", name, *arguments])
        self._machine = machine()

    def finish(self, **tables: Rows) -> Record:
        """Print the tables and write the record.

        Args:
            tables: rows by the name of the table.
        """
        from benchmarks.tables import caption, markdown

        record = Record(
            benchmark=self.name,
            command=self._command,
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            commit=commit(),
            machine=self._machine,
            versions=versions(),
            tables={name: [dict(row) for row in rows] for name, rows in tables.items()},
        )
        for name, rows in record.tables.items():
            print(f"\n{self.name} {name}\n{markdown(rows)}")
        print(f"\n{caption(record)}")
        if self.output:
            write_json(self.output, record.model_dump())
            print(f"\n{self.output} is written; `python -m benchmarks tables` brings it into the docs")
        return record


def commit() -> str:
    """The commit that is measured, and whether tracked files differ from it."""
    revision = (git.git("rev-parse", "--short=10", "HEAD") or "no commit").strip()
    return revision + (" with changes" if git.git("status", "--porcelain", "--untracked-files=no") else "")


def read(name: str) -> Record | None:
    """The record of a benchmark; None where it was never written.

    Raises:
        DigitsError: the file is damaged.
    """
    path = path_of(name)
    if not path.is_file():
        return None
    return Record.model_validate(read_json(path, Record, f"`python -m benchmarks {name}` makes it anew"))

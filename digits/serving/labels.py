"""What people say of the rows of a log."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute

from digits.serving.journal import LABELS, read_log


class Label(NamedTuple):
    """What a person says of a row.

    Attributes:
        label: of the right class; None for no digit.
        who: the person.
        chosen: how the person came to the row: `drawn` (by themselves), `least-sure` or `random`.
        time: when, UTC.
    """

    label: int | None
    who: str
    chosen: str
    time: datetime.datetime


def read_labels(folder: Path, chosen: str | None = None) -> dict[str, Label]:
    """The label that counts of each row that has one: the last in time that was not taken back.

    Args:
        folder: of the log.
        chosen: count only labels of rows that were chosen so.

    Returns:
        By the id of the row, which may be gone from the log.

    Raises:
        DigitsError: the log is missing or damaged.
    """
    counted = {
        row: [label for label in labels if chosen in (None, label.chosen)] for row, labels in read_said(folder).items()
    }
    return {row: labels[-1] for row, labels in counted.items() if labels}


def read_said(folder: Path) -> dict[str, list[Label]]:
    """All that was said of each row and not taken back, in time; empty for a row of which all was taken back.

    Raises:
        DigitsError: the log is missing or damaged.
    """
    # Several processes may have written them.
    tables = [LABELS.empty_table(), *read_log(folder, "labels")]
    said: dict[str, list[Label]] = {}
    for row in _in_time(pa.concat_tables(tables)):
        earlier = said.setdefault(row["id"], [])
        if not row["withdrawn"]:
            earlier.append(Label(row["label"], row["who"], row["chosen"] or "drawn", row["time"]))
        elif own := [place for place, label in enumerate(earlier) if label.who == row["who"]]:
            del earlier[own[-1]]
    return said


def _in_time(table: pa.Table) -> list[dict[str, Any]]:
    return table.take(pa.compute.sort_indices(table, [("time", "ascending")])).to_pylist()

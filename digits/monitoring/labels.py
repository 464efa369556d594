"""What people said of served images."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import NamedTuple

from digits.serving.journal import read_log


class Label(NamedTuple):
    """What a person said of an image.

    Attributes:
        label: its class; None if it is no digit.
        who: the person.
        time: when.
    """

    label: int | None
    who: str
    time: datetime.datetime


def last_labels(log: Path) -> dict[str, Label]:
    """The label of each row of a log that has one, by the row's id. Of several the last one in time counts.

    Raises:
        DigitsError: the log is missing or damaged.
    """
    # Several processes may have written them.
    said = [row for table in read_log(log, "labels") for row in table.to_pylist()]
    said.sort(key=lambda row: row["time"])
    return {row["id"]: Label(row["label"], row["who"], row["time"]) for row in said}

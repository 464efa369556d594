"""The verdict on what was served: whether it differs from the validation images, and how often it was right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from digits.evaluation.intervals import wilson_interval
from digits.monitoring.accuracy import class_shares, estimated_accuracy
from digits.monitoring.drift import NUMBERS, SHARES, alarm_threshold, compare
from digits.monitoring.live import Observed

# Healthy batches that are drawn to find the threshold.
ROUNDS = 1000


@dataclass(frozen=True, eq=False)
class Verdict:
    """What was found.

    Attributes:
        images: how many live images there are.
        table: from `digits.monitoring.drift.compare`.
        threshold: an adjusted p up to it is an alarm.
        false_alarms: the share of healthy batches of this size that raise one.
        accuracy: estimated, with the ends of its interval.
        labelled: how many live images have a label.
        labelled_accuracy: among them, with the ends of Wilson's interval; None without any.
        shares: of the true classes, estimated.
        refused: the share that is not sure, live and on the validation images.
    """

    images: int
    table: pd.DataFrame
    threshold: float
    false_alarms: float
    accuracy: tuple[float, float, float]
    labelled: int
    labelled_accuracy: tuple[float, float, float] | None
    shares: list[float]
    refused: tuple[float, float]

    @property
    def alarms(self) -> list[str]:
        """The columns that raise an alarm."""
        return list(self.table.index[self.table["adjusted"] <= self.threshold])

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        tests = self.table.astype(object).where(self.table.notna(), None).to_dict("index")
        return {
            "images": self.images,
            "alarms": self.alarms,
            "threshold": self.threshold,
            "false_alarms": self.false_alarms,
            "tests": tests,
            "estimated_accuracy": dict(zip(("value", "low", "high"), self.accuracy, strict=True)),
            "labelled": self.labelled,
            "labelled_accuracy": self.labelled_accuracy
            and dict(zip(("value", "low", "high"), self.labelled_accuracy, strict=True)),
            "class_shares": self.shares,
            "not_sure": dict(zip(("live", "validation"), self.refused, strict=True)),
        }


def judge(
    validation: Observed, live: Observed, classes: int, false_alarms: float, rounds: Iterable[int] | None = None
) -> Verdict:
    """Compare live images with validation images.

    Args:
        validation: read by the model that served.
        live: what it served, one or more.
        classes: how many the model knows.
        false_alarms: the share of healthy batches that may raise an alarm, in (0, 1).
        rounds: one entry for each healthy batch that is drawn to find the threshold; default is `ROUNDS` of them.
    """
    rounds = range(ROUNDS) if rounds is None else rounds
    labelled = live.labels != -1
    right = int(live.right[labelled].sum())
    count = int(labelled.sum())
    return Verdict(
        images=len(live),
        table=compare(validation.columns, live.columns),
        threshold=alarm_threshold(validation.columns, len(live), false_alarms, rounds),
        false_alarms=false_alarms,
        accuracy=estimated_accuracy(validation.columns["confidence"], validation.right, live.columns["confidence"]),
        labelled=count,
        labelled_accuracy=(right / count, *wilson_interval(right, count)) if count else None,
        shares=class_shares(validation.columns["digit"], validation.labels, live.columns["digit"], classes).tolist(),
        refused=(float(1 - live.columns["sure"].mean()), float(1 - validation.columns["sure"].mean())),
    )


def print_verdict(verdict: Verdict, title: str, console: Console | None = None) -> None:
    """Print the table, and what it means.

    Args:
        verdict: from `judge`.
        title: of the model.
        console: default is standard output.
    """
    console = console or Console()
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for heading in ("validation", "live", "p (Holm)"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for name, row in verdict.table.iterrows():
        cells = [_number(row[key], name) for key in ("expected", "found")]
        mark = "ALARM" if row["adjusted"] <= verdict.threshold else ""
        table.add_row((NUMBERS | SHARES)[str(name)], *cells, f"{row['adjusted']:.2g}", mark)
    console.print(f"{verdict.images:,} images that {title} read, against its validation images")
    console.print(table)
    value, low, high = verdict.accuracy
    console.print(f"estimated accuracy, without labels: {value:.2%} (95 %: {low:.2%} to {high:.2%})")
    if verdict.labelled_accuracy:
        value, low, high = verdict.labelled_accuracy
        console.print(f"of the {verdict.labelled:,} with a label: {value:.2%} right (95 %: {low:.2%} to {high:.2%})")
    found = "alarm: " + ", ".join((NUMBERS | SHARES)[name] for name in verdict.alarms) if verdict.alarms else "no alarm"
    console.print(
        f"{found} (an adjusted p of at most {verdict.threshold:.2g}: {verdict.false_alarms:.1%} of healthy batches "
        "of this size)",
        soft_wrap=True,
    )


def _number(value: float, name: object) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:.1%}" if name in ("confidence", "sure") else f"{value:.3g}"

"""The verdict on what was served: whether it differs from the validation images, and how often it was right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from digits.evaluation.intervals import wilson_interval
from digits.monitoring.accuracy import class_shares, estimated_accuracy
from digits.monitoring.drift import SHARES, TITLES, alarm_threshold, compare
from digits.monitoring.live import Observed

if TYPE_CHECKING:
    from digits.validation.run import Check

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
        labelled: how many live images have a label; where some were chosen at random for it, how many of these.
        labelled_at_random: whether those alone are meant.
        labelled_accuracy: among them, with the ends of Wilson's interval; None without any.
        shares: of the true classes, estimated.
        refused: the share that is not sure, live and on the validation images.
        checks: the expectations of stage validate, from `digits.monitoring.expected.check_expectations`.
    """

    images: int
    table: pd.DataFrame
    threshold: float
    false_alarms: float
    accuracy: tuple[float, float, float]
    labelled: int
    labelled_at_random: bool
    labelled_accuracy: tuple[float, float, float] | None
    shares: list[float]
    refused: tuple[float, float]
    checks: Sequence[Check] = ()

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
            "labelled_at_random": self.labelled_at_random,
            "labelled_accuracy": self.labelled_accuracy
            and dict(zip(("value", "low", "high"), self.labelled_accuracy, strict=True)),
            "class_shares": self.shares,
            "not_sure": dict(zip(("live", "validation"), self.refused, strict=True)),
            "expectations": [
                {
                    "expectation": f"{check.table}: {check.expectation}",
                    "holds": check.success,
                    "allowed": check.allowed,
                    "observed": check.observed,
                    "unexpected": check.unexpected,
                }
                for check in self.checks
            ],
        }


def judge(
    validation: Observed,
    live: Observed,
    classes: int,
    false_alarms: float,
    rounds: Iterable[int] | None = None,
    checks: Sequence[Check] = (),
) -> Verdict:
    """Compare live images with validation images.

    Args:
        validation: read by the model that served.
        live: what it served, one or more.
        classes: how many the model knows.
        false_alarms: the share of healthy batches that may raise an alarm, in (0, 1).
        rounds: one entry for each healthy batch that is drawn to find the threshold; default is `ROUNDS` of them.
        checks: the expectations of stage validate on the live images. They do not decide: their bounds know no rate of
            false alarms. The share of images within them is tested as the other shares are.
    """
    rounds = range(ROUNDS) if rounds is None else rounds
    # Images that were chosen because the model may be wrong there say nothing of the others.
    labelled, at_random = live.labels != -1, False
    if live.at_random is not None and live.at_random.any():
        labelled, at_random = live.at_random, True
    right = int(live.right[labelled].sum())
    count = int(labelled.sum())
    return Verdict(
        images=len(live),
        table=compare(validation.columns, live.columns),
        threshold=alarm_threshold(validation.columns, len(live), false_alarms, rounds),
        false_alarms=false_alarms,
        accuracy=estimated_accuracy(validation.columns["confidence"], validation.right, live.columns["confidence"]),
        labelled=count,
        labelled_at_random=at_random,
        labelled_accuracy=(right / count, *wilson_interval(right, count)) if count else None,
        shares=class_shares(validation.columns["digit"], validation.labels, live.columns["digit"], classes).tolist(),
        refused=(float(1 - live.columns["sure"].mean()), float(1 - validation.columns["sure"].mean())),
        checks=checks,
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
    for cells, is_alarm in table_rows(verdict):
        table.add_row(*cells, "ALARM" if is_alarm else "")
    images = "1 image" if verdict.images == 1 else f"{verdict.images:,} images"
    console.print(f"{images} that {title} read, against its validation images")
    console.print(table)
    for line in sentences(verdict):
        console.print(line, soft_wrap=True)


def table_rows(verdict: Verdict) -> list[tuple[tuple[str, str, str, str], bool]]:
    """Of each test: what was compared, its value on the validation and on the live images, and p; whether it alarms."""
    rows = []
    for name, row in verdict.table.iterrows():
        expected, found = (number_text(row[key], name) for key in ("expected", "found"))
        cells = (TITLES[str(name)], expected, found, f"{row['adjusted']:.2g}")
        rows.append((cells, bool(row["adjusted"] <= verdict.threshold)))
    return rows


def sentences(verdict: Verdict) -> list[str]:
    """What is known beside the tests, and last the verdict."""
    value, low, high = verdict.accuracy
    lines = [f"estimated accuracy, without labels: {value:.2%} (95 %: {low:.2%} to {high:.2%})"]
    if verdict.labelled_accuracy:
        value, low, high = verdict.labelled_accuracy
        which = "labelled at random" if verdict.labelled_at_random else "labelled, none chosen at random"
        lines.append(f"of the {verdict.labelled:,} {which}: {value:.2%} right (95 %: {low:.2%} to {high:.2%})")
    if verdict.checks:
        failed, total = [check for check in verdict.checks if not check.success], len(verdict.checks)
        lines.append(f"expectations of stage validate: {total - len(failed)} of {total} hold")
        lines += [f"  {_of_check(check)}" for check in failed]
    found = "alarm: " + ", ".join(TITLES[name] for name in verdict.alarms) if verdict.alarms else "no alarm"
    lines.append(
        f"{found} (an adjusted p of at most {verdict.threshold:.2g}: {verdict.false_alarms:.1%} of healthy batches "
        "of this size)"
    )
    return lines


def _of_check(check: Check) -> str:
    what = "classes" if check.key == "class" else "images"
    many = "" if check.unexpected is None else f" in {check.unexpected:,} {what}"
    return f"{check.expectation}: {check.observed}{many}, allowed {check.allowed}"


def number_text(value: float, name: object) -> str:
    """A mean of a column as people see it: shares and probabilities in percent."""
    if not np.isfinite(value):
        return "–"
    return f"{value:.1%}" if name == "confidence" or name in SHARES else f"{value:.3g}"

"""The outcome of the checks: metrics for DVC, and a line and a table for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from digits.validation.expectations import FEATURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from rich.table import Table

    from digits.validation.run import Check


def summary(frames: dict[str, pd.DataFrame], checks: list[Check]) -> dict[str, Any]:
    """Metrics of the raw data.

    Args:
        frames: of the tables from `build_tables`, by name.
        checks: from `run_expectations`.

    Returns:
        `expectations` and `failed`: how many there are and how many failed. `failures`: those that failed, only if
        there are any. For each split: the number of images, the number of images with a twin in the split, the number
        of test images that are also training images (`leaks`, test only), `agreement`, the largest deviation of a
        class's share, and the lowest value, mean and highest value of each feature, rounded to 4 decimals.
    """
    failures = [check for check in checks if not check.success]
    result: dict[str, Any] = {"expectations": len(checks), "failed": len(failures)}
    if failures:
        result["failures"] = [
            {"expectation": f"{check.table}: {check.expectation}", "observed": check.observed, "allowed": check.allowed}
            | ({} if check.unexpected is None else {"unexpected": check.unexpected, "first_rows": check.rows})
            for check in failures
        ]
    for _, facts in frames["files"].iterrows():
        images, classes = frames[f"{facts['split']} images"], frames[f"{facts['split']} classes"]
        split: dict[str, Any] = {"images": len(images), "duplicates": int(images["first"].duplicated(keep=False).sum())}
        if "twin" in images:
            split["leaks"] = int(images["twin"].notna().sum())
        split["agreement"] = round(float(facts["agreement"]), 4)
        split["class_deviation"] = round(float(classes["deviation"].abs().max()), 4)
        for feature in FEATURES:
            column = images[feature].dropna().astype(float)
            if len(column):
                values = {"lowest": column.min(), "mean": column.mean(), "highest": column.max()}
                split[feature] = {key: round(float(value), 4) for key, value in values.items()}
        result[facts["split"]] = split
    return result


def failure_line(checks: list[Check], names: Sequence[str]) -> str | None:
    """One line on a failed validation; None if all expectations hold.

    Args:
        checks: from `run_expectations`.
        names: of label 0, 1, ….
    """
    failed = [check for check in checks if not check.success]
    if not failed:
        return None
    first = failed[0]
    rows = f" ({_rows(first, names)})" if first.rows else ""
    return (
        f"{len(failed)} of {len(checks)} expectations failed, first {first.table}: {first.expectation}: "
        f"{first.observed}, allowed {first.allowed}{rows}"
    )


def failure_table(checks: list[Check], names: Sequence[str]) -> Table:
    """The failed checks as a table for the terminal. The arguments are those of `failure_line`."""
    from rich.table import Table

    table = Table(title="Failed expectations", title_justify="left")
    for name in ("About", "Expectation", "Observed", "Allowed"):
        table.add_column(name, overflow="fold")
    table.add_column("Unexpected", justify="right")
    table.add_column("First", overflow="fold")
    for check in checks:
        if not check.success:
            count = "" if check.unexpected is None else f"{check.unexpected:,}"
            table.add_row(check.table, check.expectation, check.observed, check.allowed, count, _rows(check, names))
    return table


def _rows(check: Check, names: Sequence[str]) -> str:
    """The first unexpected rows, at most five: "row 5, 7, 9"; of classes their names: "class Bag, Shirt"."""
    if not check.rows:
        return ""
    more = ", …" if (check.unexpected or 0) > 5 else ""
    shown = [names[row] if check.key == "class" else str(row) for row in check.rows[:5]]
    return f"{check.key} {', '.join(shown)}{more}"

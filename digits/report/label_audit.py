"""The audit of the labels: a summary in the terminal, and a page with the doubtful images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from digits.data.raw import Split
from digits.report.sheet import Picture, png_uri, render

if TYPE_CHECKING:
    import pandas as pd

    from digits.audit.audit import Audit

_MODELS = {"networks": "the networks", "model": "models/model.keras"}
_ROWS = {"all": "all", "issues": "without errors", "doubtful": "without doubts"}


def print_audit(audit: Audit, console: Console | None = None) -> None:
    """Print what was found in each split, and the accuracies. `console` is standard output by default."""
    console = console or Console()
    for split in audit.doubts:
        console.print(_sentence(audit, split), soft_wrap=True, highlight=False)
    table = Table(*_headings(audit), box=SIMPLE_HEAD, pad_edge=False, padding=0)
    for name, cells in _accuracies(audit):
        table.add_row(name, *cells)
    console.print(table)


def audit_page(audit: Audit, splits: Mapping[str, Split], names: list[str], most: int) -> str:
    """The page, with the same bytes for the same audit.

    Args:
        audit: from `digits.audit.audit.audit`.
        splits: `train` and `test`, the images upright.
        names: of the classes.
        most: how many images of each split are shown.
    """
    return render(
        "label_audit.html",
        folds=audit.folds,
        headings=_headings(audit),
        accuracies=_accuracies(audit),
        splits=[
            (split, _sentence(audit, split), _pictures(found[:most], splits[split], names), len(found))
            for split, found in reversed(audit.doubts.items())
        ],
    )


def _sentence(audit: Audit, split: str) -> str:
    found = audit.doubts[split]
    return (
        f"{split}: {len(found):,} of {audit.images[split]:,} labels are doubtful; errors by confident learning: "
        f"{found['issue'].sum():,}"
    )


def _headings(audit: Audit) -> list[str]:
    return ["test images", *(_MODELS[name] for name in audit.accuracies)]


def _accuracies(audit: Audit) -> list[tuple[str, list[str]]]:
    """Which images, and the accuracies on them with their intervals."""
    return [
        (
            f"{title} ({audit.accuracies['networks'][which]['n']:,})",
            [
                f"{one['accuracy']:.2%} ({one['low']:.2%} to {one['high']:.2%})"
                for one in (found[which] for found in audit.accuracies.values())
            ],
        )
        for which, title in _ROWS.items()
    ]


def _pictures(found: pd.DataFrame, split: Split, names: list[str]) -> list[Picture]:
    rows = zip(*(found[name].tolist() for name in found), strict=True)
    return [
        Picture(
            [png_uri(split.images[row])],
            f"{names[given]}, or {names[suggested]}?",
            [f"row {row}", f"{_percent(p)} : {_percent(q)}", *(["error"] if issue else [])],
        )
        for row, given, suggested, p, q, issue in rows
    ]


def _percent(probability: float) -> str:
    return f"{probability:.1%}" if probability >= 0.001 else "<0.1%"

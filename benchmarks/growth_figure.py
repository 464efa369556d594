"""The picture of benchmark `growth`: seconds and peak memory of each stage against the number of training images."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.record import Record
from digits.style import GREY, PALETTE, save_figure, style

PICTURE = Path("docs/images/growth.png")
# The goal for the largest data, in 10^6 bytes.
MEMORY_GOAL_MB = 1.5 * 2**30 / 1e6
_MARKERS = "osD^v"


def draw(record: Record, path: Path) -> None:
    """Write the picture.

    Args:
        record: of benchmark `growth`.
        path: ends in `.png`.
    """
    rows = record.tables["stages"]
    with style():
        figure = Figure(figsize=(11, 4.8))
        left, right = figure.subplots(1, 2)
        for column, axes, title in (
            ("seconds", left, "Seconds"),
            ("peak memory, MB", right, "Peak memory in MB"),
        ):
            _lines(axes, rows, column)
            axes.set_title(title)
        right.axhline(MEMORY_GOAL_MB, color=GREY, linestyle=":", linewidth=1.5)
        right.annotate("1.5 GiB", (0.01, MEMORY_GOAL_MB), xycoords=("axes fraction", "data"), color=GREY, va="bottom")
        left.legend()
    save_figure(figure, path, dpi=120)


def _lines(axes: Axes, rows: list[dict], column: str) -> None:
    """One line a stage, on logarithmic axes: a straight rise at 45 degrees is in proportion to the data."""
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    for stage, colour, marker in zip(stages, PALETTE, _MARKERS, strict=False):
        points = [(row["images"], row[column]) for row in rows if row["stage"] == stage]
        axes.plot(*zip(*points, strict=True), color=colour, marker=marker, label=stage)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("training images")
    axes.set_xticks(sorted({row["images"] for row in rows}))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y")

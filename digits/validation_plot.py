"""The raw data on one page: class balance, ink and the mean image of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from digits.style import BLUE, GREY, ORANGE, PIXELS, VERMILION, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

    from digits.expectations import Check

_COLOURS = {"train": BLUE, "test": ORANGE}


def validation_figure(
    images: dict[str, DataFrame],
    classes: dict[str, DataFrame],
    means: dict[str, np.ndarray],
    tolerance: float,
    checks: list[Check],
) -> Figure:
    """Draw both splits side by side.

    Args:
        images: of each split, as `image_frame` gives it.
        classes: of each split, as `class_frame` gives it.
        means: of each split, (classes, height, width), as `class_means` gives them.
        tolerance: how far a class's share may be from the declared one.
        checks: the outcome, for the title.
    """
    with style():
        figure = Figure(figsize=(12, 11))
        failed = sum(not check.success for check in checks)
        outcome = f"FAILED: {failed} of {len(checks)} expectations" if failed else f"all {len(checks)} expectations hold"
        figure.suptitle(f"Raw data: {outcome}", color=VERMILION if failed else "black")
        top, middle, bottom = figure.subfigures(3, 1, height_ratios=[1.1, 1, 0.9])
        _draw_balance(top.subplots(), classes, tolerance)
        ink, area = middle.subplots(1, 2)
        _draw_histogram(ink, images, "mean", "Mean ink of an image (pixel value, 0 to 255)")
        _draw_histogram(area, images, "area", "Ink area of an image (share of its pixels)")
        _draw_means(bottom.subplots(len(means), len(next(iter(means.values())))), means)
    return figure


def _draw_balance(axes: Axes, classes: dict[str, DataFrame], tolerance: float) -> None:
    width = 0.8 / len(classes)
    for place, (name, frame) in enumerate(classes.items()):
        left = frame["class"] + (place - (len(classes) - 1) / 2) * width
        bars = axes.bar(left, frame["share"], width * 0.95, color=_COLOURS[name], label=name)
        axes.bar_label(bars, [f"{count:,}" for count in frame["images"]], fontsize=8, padding=2)
    declared = next(iter(classes.values()))
    axes.errorbar(
        declared["class"], declared["declared"], tolerance, fmt="none", ecolor=GREY, capsize=4, lw=1.2, label="allowed"
    )
    axes.set(title="Class balance, with the number of images", xlabel="Label", ylabel="Share of the split")
    axes.set_xticks(declared["class"])
    axes.margins(x=0.01, y=0.12)
    axes.legend(loc="lower right", ncols=3, frameon=True, framealpha=0.9)


def _draw_histogram(axes: Axes, images: dict[str, DataFrame], column: str, label: str) -> None:
    edges = np.histogram_bin_edges(np.concatenate([frame[column] for frame in images.values()]), 60)
    for name, frame in images.items():
        # Shares, so that splits of different size can be compared.
        weights = np.full(len(frame), 1 / len(frame))
        axes.hist(frame[column], edges, weights=weights, histtype="step", lw=1.8, color=_COLOURS[name], label=name)
    axes.set(xlabel=label, ylabel="Share of the split", title="Mean ink" if column == "mean" else "Ink area")
    axes.legend()


def _draw_means(grid: np.ndarray, means: dict[str, np.ndarray]) -> None:
    for row, (name, images) in zip(grid, means.items(), strict=True):
        for label, (axes, image) in enumerate(zip(row, images, strict=True)):
            axes.imshow(image, cmap=PIXELS, vmin=0, vmax=255)
            axes.set_xticks([])
            axes.set_yticks([])
            if row is grid[0]:
                axes.set_title(str(label), loc="center")
        row[0].set_ylabel(name)

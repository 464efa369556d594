"""The raw data on one page: class balance, ink and the mean image of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from digits.style import BLUE, GREY, ORANGE, PIXELS, VERMILION, style, text_colour

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from pandas import DataFrame

    from digits.validation.run import Check

_COLOURS = {"train": BLUE, "test": ORANGE}
# So many classes have a picture with axes of its own, and their numbers fit into the bars.
_A_ROW = 16
# More labels would cover each other.
_MOST_TICKS = 50
# In inches: of the panels, and of a character of a class's name.
_WIDTH, _CHARACTER = 11.3, 0.095
_LONGEST_NAME = 24


def validation_figure(
    images: dict[str, DataFrame],
    classes: dict[str, DataFrame],
    means: dict[str, np.ndarray],
    tolerance: float,
    checks: list[Check],
    names: Sequence[str],
) -> Figure:
    """Draw both splits side by side.

    Args:
        images: the `image_frame` of each split.
        classes: the `class_frame` of each split.
        means: the `class_means` of each split, (classes, height, width).
        tolerance: how far a class's share may be from the declared one.
        checks: from `run_expectations`, for the title.
        names: of label 0, 1, ….
    """
    count = len(next(iter(means.values())))
    # Of more classes the means fill a sheet, which needs more room.
    sheet = 0.75 * len(means) * (-(-count // _A_ROW)) + 0.6
    with style():
        figure = Figure(figsize=(12, 11) if count <= _A_ROW else (12, 7.7 + sheet))
        failed = sum(not check.success for check in checks)
        outcome = f"{failed} of {len(checks)} expectations FAILED" if failed else f"all {len(checks)} expectations hold"
        figure.suptitle(f"Raw data: {outcome}", color=VERMILION if failed else "black")
        heights = [1.1, 1, 0.9] if count <= _A_ROW else [4.0, 3.7, sheet]
        top, middle, bottom = np.asarray(figure.subfigures(3, 1, height_ratios=heights))
        _draw_balance(top.subplots(), classes, tolerance, names)
        ink, area = middle.subplots(1, 2)
        pixels = next(iter(means.values()))[0].size
        _draw_histogram(ink, images, "mean", "Mean ink", "Mean pixel of an image, 0 to 255", 1 / pixels)
        _draw_histogram(area, images, "area", "Ink area", "Share of an image's pixels that are not 0", 1 / pixels)
        bottom.suptitle("Mean image of each class", x=0.06, ha="left", fontsize=13)
        if count <= _A_ROW:
            _draw_means(bottom.subplots(len(means), count), means, names)
        else:
            for axes, (name, split_means) in zip(bottom.subplots(len(means), 1), means.items(), strict=True):
                _draw_sheet(axes, name, split_means, names)
    return figure


def _draw_balance(axes: Axes, classes: dict[str, DataFrame], tolerance: float, names: Sequence[str]) -> None:
    width = 0.8 / len(classes)
    for place, (name, frame) in enumerate(classes.items()):
        left = frame["class"] + (place - (len(classes) - 1) / 2) * width
        bars = axes.bar(left, frame["share"], width * 0.95, color=_COLOURS[name], label=name)
        if len(frame) <= _A_ROW:
            counts = [f"{count:,}" for count in frame["images"]]
            axes.bar_label(bars, counts, label_type="center", fontsize=9, color=text_colour(_COLOURS[name]))
    declared = next(iter(classes.values()))
    axes.errorbar(
        declared["class"], declared["declared"], tolerance, fmt="none", ecolor=GREY, capsize=4, lw=1.2, label="allowed"
    )
    numbers = ", with the number of images" if len(declared) <= _A_ROW else ""
    axes.set(title=f"Class balance{numbers}", xlabel="Class", ylabel="Share of the split")
    ticks = range(0, len(names), -(-len(names) // _MOST_TICKS))
    axes.set_xticks(ticks, [_short(names[label], _LONGEST_NAME) for label in ticks])
    if max(map(len, names)) * _CHARACTER > _WIDTH / len(ticks):
        # Each name ends at its bars.
        for text in axes.get_xticklabels():
            text.set(rotation=45, horizontalalignment="right", rotation_mode="anchor")
    # A share below 0 is allowed in arithmetic alone.
    axes.set_ylim(bottom=max(0, axes.get_ylim()[0]))
    axes.margins(x=0.01)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3)


def _draw_histogram(axes: Axes, images: dict[str, DataFrame], column: str, title: str, label: str, step: float) -> None:
    values = np.concatenate([frame[column] for frame in images.values()])
    # Each bin is a whole number of steps wide, so that all bins hold the same number of possible values.
    width = step * max(1, round(np.ptp(values) / step / 50))
    edges = np.arange(values.min() - step / 2, values.max() + width, width).tolist()
    for name, frame in images.items():
        # Shares make splits of different sizes comparable.
        weights = np.full(len(frame), 1 / len(frame))
        axes.hist(frame[column], edges, weights=weights, histtype="step", lw=1.8, color=_COLOURS[name], label=name)
    axes.set(xlabel=label, ylabel="Share of the split", title=title)
    axes.legend()


def _draw_sheet(axes: Axes, name: str, means: np.ndarray, names: Sequence[str]) -> None:
    """The means of many classes in one picture, in the order of labels. A class without images has none."""
    height, width = means.shape[1:]
    gap = max(1, height // 8)
    rows = -(-len(means) // _A_ROW)
    canvas = np.full((rows * (height + gap), _A_ROW * (width + gap)), np.nan)
    for label, image in enumerate(means):
        top, left = label // _A_ROW * (height + gap), label % _A_ROW * (width + gap)
        canvas[top : top + height, left : left + width] = image
        axes.text(
            left + width + gap / 2, top, _short(names[label], 6), fontsize=9, ha="right", va="top", color=VERMILION
        )
    axes.imshow(canvas, cmap=PIXELS, vmin=0, vmax=255)
    axes.set(xticks=[], yticks=[], ylabel=name)
    axes.spines[:].set_visible(False)


def _draw_means(grid: np.ndarray, means: dict[str, np.ndarray], names: Sequence[str]) -> None:
    most = int(_WIDTH / grid.shape[1] / _CHARACTER)
    for row, (split, images) in enumerate(means.items()):
        for label, (axes, image) in enumerate(zip(grid[row], images, strict=True)):
            axes.imshow(image, cmap=PIXELS, vmin=0, vmax=255)
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0:
                axes.set_title(_short(names[label], most), loc="center", fontsize=12)
        grid[row, 0].set_ylabel(split)


def _short(name: str, most: int) -> str:
    """A name of at most so many characters."""
    return name if len(name) <= most else f"{name[: most - 1]}…"

"""Reliability diagram: whether the model is as often right as it is sure."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from scipy.stats import binomtest

from digits.evaluation.calibration import reliability
from digits.report.sizes import LARGE
from digits.style import BLACK, BLUE, GREY, SKY, VERMILION, style


def reliability_figure(probability: np.ndarray, correct: np.ndarray, bins: int) -> Figure:
    """Reliability diagram: accuracy against the probability of the predicted class, with the number of images a bin.

    Args:
        probability: float (n,), in (0, 1].
        correct: bool (n,).
        bins: their number.
    """
    table = reliability(probability, correct, bins)
    filled = table[table["count"] > 0]
    gaps = (filled["accuracy"] - filled["confidence"]).abs()
    error = float((gaps * filled["count"]).sum() / filled["count"].sum())
    with style():
        figure = Figure(figsize=(9, 8.5))
        upper, lower = figure.subplots(2, 1, height_ratios=[3, 1.3], sharex=True)
        _draw_accuracy(upper, filled, bins)
        _draw_counts(lower, filled, bins)
        for axes in (upper, lower):
            axes.tick_params(labelsize=LARGE)
            axes.yaxis.label.set_size(LARGE)
            axes.xaxis.label.set_size(LARGE)
        figure.suptitle(f"Expected calibration error {error:.4f}, {len(probability):,} test images", fontsize=LARGE + 2)
    return figure


def _draw_accuracy(axes: Axes, filled: pd.DataFrame, bins: int) -> None:
    """Accuracy of each bin as a bar, with its interval and its distance to the mean probability."""
    intervals = [
        binomtest(row.right, row.count).proportion_ci(method="wilson")
        for row in filled[["right", "count"]].itertuples(index=False)
    ]
    centre = (filled["low"] + filled["high"]) / 2
    axes.bar(centre, filled["accuracy"], width=0.92 / bins, color=SKY, label="accuracy")
    axes.bar(
        centre,
        filled["confidence"] - filled["accuracy"],
        bottom=filled["accuracy"],
        width=0.92 / bins,
        facecolor="none",
        edgecolor=VERMILION,
        hatch="//",
        linewidth=1.2,
        label="gap to the mean probability",
    )
    low = [accuracy - interval.low for accuracy, interval in zip(filled["accuracy"], intervals, strict=True)]
    high = [interval.high - accuracy for accuracy, interval in zip(filled["accuracy"], intervals, strict=True)]
    axes.errorbar(
        centre,
        filled["accuracy"],
        yerr=np.maximum([low, high], 0),
        fmt="none",
        ecolor=BLACK,
        elinewidth=1.8,
        capsize=4,
        label="95 % interval (Wilson)",
    )
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.5, linestyle="--", label="perfect calibration")
    axes.set_ylabel("Accuracy")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.03)
    axes.grid(axis="y")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, fontsize=LARGE)


def _draw_counts(axes: Axes, filled: pd.DataFrame, bins: int) -> None:
    """Number of images in each bin."""
    centre = (filled["low"] + filled["high"]) / 2
    bars = axes.bar(centre, filled["count"], width=0.92 / bins, color=BLUE)
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    # Room for the numbers above the bars. The axis starts at 0.5, so that a single image has a bar, too.
    axes.set_ylim(0.5, filled["count"].max() * 25)
    if bins <= 30:
        axes.bar_label(bars, [f"{n:,}" for n in filled["count"]], fontsize=LARGE - 1, rotation=90, padding=3)
    axes.set_ylabel("Images, log scale")
    axes.set_xlabel(f"Probability of the predicted class, {bins} bins")
    axes.grid(axis="y")

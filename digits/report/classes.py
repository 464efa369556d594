"""Figures of the classes: the confusion matrix, and precision, recall and F1 of each."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from digits.report.sizes import LONGEST_SIDE, text_width
from digits.style import BLUE, GREEN, GREY, ORANGE, SEQUENTIAL, style, text_colour

# This share of a row and smaller ones have the lightest colour; a share of 0 stays white.
_SMALLEST_SHARE = 0.0005


def confusion_figure(actual: np.ndarray, predicted: np.ndarray, class_names: list[str], rates: bool = False) -> Figure:
    """Confusion matrix: counts or rates, coloured by the share of the actual class on a logarithmic scale.

    On a linear scale, a diagonal of 0.99 would leave all mistakes the same pale colour. A class that is neither actual
    nor predicted for any image is left out.

    Args:
        actual: integers (n,).
        predicted: integers (n,).
        class_names: name of label 0, 1, ….
        rates: write the share of the actual class, in percent, instead of the number of images.
    """
    labels = np.union1d(actual, predicted)
    class_names = [class_names[label] for label in labels]
    classes = len(labels)
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (np.searchsorted(labels, actual), np.searchsorted(labels, predicted)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(0.68 * classes, LONGEST_SIDE)
    cell = side / classes
    words = max(map(len, class_names)) > 3
    names = text_width(class_names, fontsize=14)
    with style():
        figure = Figure(figsize=(max(side + names, 6) + 2.2, max(side + names * words, 5) + 1.4))
        axes = figure.subplots()
        scale = LogNorm(_SMALLEST_SHARE, 1, clip=True)
        image = axes.imshow(np.ma.masked_equal(shares, 0), cmap=SEQUENTIAL, norm=scale)
        # Smaller cells hold no legible number.
        if cell >= 0.4:
            for row, column in np.argwhere(counts):
                share = shares[row, column]
                text = _percent(share) if rates else f"{counts[row, column]:,}"
                size = min(14, 19 * cell)
                colour = text_colour(image.cmap(scale(share)))
                axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
        _label_classes(axes, class_names, fontsize=min(14, 60 * cell), slanted=words)
        bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02)
        bar.set_label("Share of the actual class (log scale; white: none)", fontsize=13)
        bar.set_ticks([0.001, 0.01, 0.1, 1], labels=["0.1 %", "1 %", "10 %", "100 %"], fontsize=13)
        bar.minorticks_off()
        right = int(np.trace(counts))
        found = f"{right:,} of {len(actual):,} right, {len(actual) - right:,} wrong"
        figure.suptitle(f"Test images in % of their class: {found}" if rates else f"Test images: {found}")
    return figure


def _percent(share: float) -> str:
    """A share in percent, without the sign: `99.7`, `0.10`, `100`."""
    return "100" if share == 1 else f"{100 * share:.{1 if share >= 0.01 else 2}f}"


def _label_classes(axes: Axes, class_names: list[str], fontsize: float, slanted: bool) -> None:
    """Class names at both axes of a confusion matrix, and lines between its cells."""
    classes = len(class_names)
    axes.set_xticks(range(classes), class_names, fontsize=fontsize)
    axes.set_yticks(range(classes), class_names, fontsize=fontsize)
    if slanted:
        axes.set_xticks(axes.get_xticks(), class_names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_xlabel("Predicted class", fontsize=14)
    axes.set_ylabel("Actual class", fontsize=14)
    axes.set_xticks(np.arange(classes - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(classes - 1) + 0.5, minor=True)
    axes.grid(which="minor")
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(True)


def per_class_figure(per_class: dict[str, dict[str, float]], macro_f1: float) -> Figure:
    """Precision, recall and F1 of each class. They are dots, because the axis does not start at 0.

    Args:
        per_class: class name → precision, recall, f1, support. A class without images is left out.
        macro_f1: mean F1 of the classes.
    """
    per_class = {name: values for name, values in per_class.items() if values["support"]}
    scores = pd.DataFrame.from_dict(per_class, orient="index")
    rows = np.arange(len(scores))
    low, high = scores[["precision", "recall", "f1"]].to_numpy().min(), 1.0
    margin = 0.04 * max(high - low, 0.005)
    row_height = min(0.5, LONGEST_SIDE / len(scores))
    with style():
        figure = Figure(figsize=(8 + text_width(per_class), max(len(scores) * row_height, 1) + 2.2))
        axes = figure.subplots()
        axes.hlines(rows, scores["precision"], scores["recall"], GREY, linewidth=1.5)
        axes.plot(scores["precision"], rows, "^", color=ORANGE, markersize=11, label="precision")
        axes.plot(scores["recall"], rows, "s", color=GREEN, markersize=9, label="recall")
        axes.plot(scores["f1"], rows, "o", color=BLUE, markersize=6, label="F1")
        axes.axvline(macro_f1, color=GREY, linewidth=1.2, linestyle="--", label=f"macro F1 {macro_f1:.4f}")
        axes.set_xlim(low - margin, high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.set_ylim(len(scores) - 0.5, -0.5)
        size = min(12, 60 * row_height)
        axes.set_yticks(rows, per_class, fontsize=size)
        axes.tick_params(axis="y", length=0)
        axes.set_ylabel("Class")
        axes.set_xlabel(f"Score on the test images (the axis starts at {low - margin:.3f}, not at 0)")
        axes.grid()
        # The numbers stand outside, where no dot can cover them.
        values = axes.secondary_yaxis("right")
        texts = [f"{f1:.4f}  ({support:,.0f})" for f1, support in zip(scores["f1"], scores["support"], strict=True)]
        values.set_yticks(rows, texts, fontsize=size)
        values.tick_params(length=0)
        values.spines["right"].set_visible(False)
        values.set_ylabel("F1 (number of images)", labelpad=10)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4)
        figure.suptitle("Precision, recall and F1 of each class")
    return figure

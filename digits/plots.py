"""The pictures of the report: each function turns data into one figure in the project's style, and reads no file.

Class names may be words of any length; figures grow with them. Sizes are in inches.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from scipy.stats import binomtest

from digits.robustness import CHANGES, CLEAN, LOAD_DIGITS, PICTURE
from digits.statistics import reliability
from digits.style import BLACK, BLUE, GREEN, GREY, ORANGE, PIXELS, SEQUENTIAL, SKY, VERMILION, style, text_colour

# A class whose share of a row is smaller has the lightest colour; none at all stays white.
_SMALLEST_SHARE = 0.0005
# Above these, figures would exceed what an image can hold, or text would overlap.
_LONGEST_SIDE = 40.0
_MISTAKES_A_ROW = 5
_CHANGES_A_ROW = 3
# What a strength of `digits.robustness.CHANGES` means: beside an axis, and in a sentence.
_STRENGTHS = {
    "shift": ("Pixels, in any direction", "shifted by {:g} px"),
    "rotation": ("Degrees, left or right", "turned by {:g}°"),
    "scale": ("Percent larger or smaller", "size {:+g} %"),
    "stroke": ("Pixels wider or narrower", "strokes {:+g} px"),
    "noise": ("Standard deviation, grey levels", "noise of {:g} grey levels"),
    "blur": ("Standard deviation, pixels", "blur of {:g} px"),
    "contrast": ("Percent taken away", "{:g} % of the contrast taken away"),
    "inversion": ("1: dark and light swapped", "inverted ({:g})"),
    "occlusion": ("Side of a black square, pixels", "square of {:g} px blacked out"),
}
_INTERVAL: dict[str, Any] = {"ecolor": BLACK, "elinewidth": 1.2, "capsize": 3, "markersize": 6}


def first_image_figure(image: np.ndarray, name: str) -> Figure:
    """An image beside the matrix of its values.

    Args:
        image: uint8 (height, width).
        name: of its class.
    """
    height, width = image.shape
    cells = (0.43 * width, 0.36 * height)
    with style():
        figure = Figure(figsize=(cells[0] + 0.62 * cells[1] + 1.5, cells[1] + 1.6))
        picture, matrix = figure.subplots(1, 2, width_ratios=[0.62 * cells[1], cells[0]])
        for axes in (picture, matrix):
            axes.imshow(image, cmap=PIXELS, vmin=0, vmax=255, aspect="auto" if axes is matrix else "equal")
            axes.set_xticks(range(0, width, 3))
            axes.set_yticks(range(0, height, 3))
            axes.set_xlabel("Column")
            axes.set_ylabel("Row")
            axes.spines[["top", "right"]].set_visible(True)
        # Level with the matrix.
        picture.set_anchor("N")
        picture.set_title("As a picture: 0 is black, 255 is white")
        matrix.set_title(f"As numbers: {height}×{width} unsigned bytes")
        shades = np.linspace(0, 1, 256)
        for (row, column), value in np.ndenumerate(image):
            # Zeros step back, so that the shape stands out.
            colour = "#909090" if value == 0 else text_colour((float(shades[value]),) * 3)
            matrix.text(column, row, str(value), ha="center", va="center", fontsize=11, color=colour)
        figure.suptitle(f"The first training image: class {name}", fontsize=20)
    return figure


def sample_rows(labels: np.ndarray, classes: int, per_class: int) -> list[np.ndarray]:
    """The first rows of each class, in file order.

    Args:
        labels: integers (n,), 0 … classes - 1.
        classes: number of classes.
        per_class: how many rows of each; a smaller class gives all that it has.

    Returns:
        For each class an int64 array of at most `per_class` ascending rows.
    """
    return [np.flatnonzero(labels == label)[:per_class] for label in range(classes)]


def samples_figure(images: np.ndarray, labels: np.ndarray, class_names: list[str], per_class: int) -> Figure:
    """A grid of training images, one row a class.

    Args:
        images: uint8 (n, height, width).
        labels: integers (n,).
        class_names: name of label 0, 1, ….
        per_class: columns of the grid.
    """
    height, width = images.shape[1:]
    gap = 2
    step = (height + gap, width + gap)
    # One canvas for all: a hundred axes would take seconds to lay out. NaN, the gaps, is drawn transparent.
    canvas = np.full((len(class_names) * step[0] - gap, per_class * step[1] - gap), np.nan)
    for label, rows in enumerate(sample_rows(labels, len(class_names), per_class)):
        for column, row in enumerate(rows):
            top, left = label * step[0], column * step[1]
            canvas[top : top + height, left : left + width] = images[row]
    cell = min(0.65, _LONGEST_SIDE / len(class_names))
    size = min(13, 60 * cell)
    names = _width(class_names, size)
    with style():
        figure = Figure(figsize=(max(per_class * cell * width / height + names + 1, 6), len(class_names) * cell + 1))
        # The plain constrained layout misplaces long labels beside axes of a fixed aspect.
        figure.set_layout_engine("compressed")
        axes = figure.subplots()
        axes.imshow(canvas, cmap=PIXELS, vmin=0, vmax=255, interpolation="none")
        axes.set_xticks([])
        middles = [label * step[0] + (height - 1) / 2 for label in range(len(class_names))]
        axes.set_yticks(middles, class_names, fontsize=size)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        figure.suptitle("Training images, the first of each class")
    return figure


def curves_figure(history: pd.DataFrame, training: dict) -> Figure:
    """Loss and accuracy after each epoch, training and validation, and why training stopped.

    Args:
        history: columns epoch (from 1), accuracy, loss, val_accuracy, val_loss.
        training: contents of training.json: `stopped`, `reason`, `monitor` and `threshold` are used.
    """
    last = int(history["epoch"].iloc[-1])
    with style():
        figure = Figure(figsize=(12, 6))
        panels = dict(zip(("loss", "accuracy"), figure.subplots(1, 2), strict=True))
        for metric, axes in panels.items():
            axes.plot(history["epoch"], history[metric], "o-", color=BLUE, label="training")
            axes.plot(history["epoch"], history[f"val_{metric}"], "s--", color=VERMILION, label="validation")
            if training["monitor"].removeprefix("val_") == metric:
                label = f"threshold {training['threshold']:g} of {training['monitor']}"
                axes.axhline(training["threshold"], color=BLACK, linewidth=1.2, linestyle="-.", label=label)
            if training["stopped"]:
                axes.axvline(last, color=GREY, linewidth=1.2, linestyle=":", label=f"stop after epoch {last}")
            axes.set_xlabel("Epoch")
            axes.set_ylabel("Cross-entropy loss" if metric == "loss" else "Accuracy")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.set_xlim(0.5, last + 0.5)
            axes.grid(axis="y")
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
        figure.suptitle(f"Training {'stopped' if training['stopped'] else 'ended'}: {training['reason']}")
        figure.supxlabel(
            "Training values are means over the epoch, while weights change and with dropout; "
            "validation follows the epoch, without.",
            fontsize=11,
            color=GREY,
        )
    return figure


def confusion_figure(actual: np.ndarray, predicted: np.ndarray, class_names: list[str]) -> Figure:
    """Confusion matrix: counts, coloured by the share of the actual class on a logarithmic scale.

    On a linear scale a diagonal of 0.99 leaves everything else the same pale colour.

    Args:
        actual: integers (n,).
        predicted: integers (n,).
        class_names: name of label 0, 1, ….
    """
    classes = len(class_names)
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (actual, predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(0.68 * classes, _LONGEST_SIDE)
    cell = side / classes
    words = max(map(len, class_names)) > 3
    names = _width(class_names)
    with style():
        figure = Figure(figsize=(max(side + names, 6) + 2.2, max(side + names * words, 5) + 1.4))
        axes = figure.subplots()
        scale = LogNorm(_SMALLEST_SHARE, 1, clip=True)
        image = axes.imshow(np.ma.masked_equal(shares, 0), cmap=SEQUENTIAL, norm=scale)
        # Smaller cells hold no legible number.
        if cell >= 0.4:
            for row, column in np.argwhere(counts):
                text = f"{counts[row, column]:,}"
                if row == column:
                    text += f"\n{100 * shares[row, column]:.1f} %"
                background = image.cmap(scale(shares[row, column]))
                axes.text(
                    column,
                    row,
                    text,
                    ha="center",
                    va="center",
                    fontsize=10 if row == column else 12,
                    color=text_colour(background),
                )
        size = min(12, 60 * cell)
        axes.set_xticks(range(classes), class_names, fontsize=size)
        axes.set_yticks(range(classes), class_names, fontsize=size)
        if words:
            axes.set_xticks(axes.get_xticks(), class_names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_xlabel("Predicted class")
        axes.set_ylabel("Actual class")
        axes.set_xticks(np.arange(classes - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(classes - 1) + 0.5, minor=True)
        axes.grid(which="minor")
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(True)
        bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02)
        bar.set_label("Share of the actual class (log scale; white: none)")
        bar.set_ticks([0.001, 0.01, 0.1, 1], labels=["0.1 %", "1 %", "10 %", "100 %"])
        bar.minorticks_off()
        right = int(np.trace(counts))
        figure.suptitle(f"Test images: {right:,} of {len(actual):,} right, {len(actual) - right:,} wrong")
    return figure


def confident_mistakes(predictions: pd.DataFrame, count: int) -> pd.DataFrame:
    """The wrong predictions with the highest probability, highest first, ties by image.

    Args:
        predictions: columns image, actual, predicted, probability (of the predicted class).
        count: how many at most.
    """
    wrong = predictions[predictions["actual"] != predictions["predicted"]]
    return wrong.sort_values(["probability", "image"], ascending=[False, True]).head(count)


def mistakes_figure(
    images: np.ndarray, predictions: pd.DataFrame, class_names: list[str], count: int, of: str = ""
) -> Figure:
    """The most confident mistakes: true class, predicted class, its probability, and the row in the test file.

    Args:
        images: uint8 (n, height, width), the test images.
        predictions: as for `confident_mistakes`.
        class_names: name of label 0, 1, ….
        count: how many to show at most.
        of: which of the test images `predictions` is about, for the title; by default all.
    """
    mistakes = confident_mistakes(predictions, count)
    total = int((predictions["actual"] != predictions["predicted"]).sum())
    with style():
        if mistakes.empty:
            figure = Figure(figsize=(8, 2))
            figure.suptitle("The most confident mistakes")
            figure.text(
                0.5, 0.4, f"None: all {len(predictions):,} test images{of} are classified rightly.", ha="center"
            )
            return figure
        columns = min(_MISTAKES_A_ROW, len(mistakes))
        rows = -(-len(mistakes) // columns)
        cell = max(1.9, _width(class_names, fontsize=12) + 0.9)
        figure = Figure(figsize=(max(columns * cell, 6.5), rows * 2.85 + 0.8))
        figure.set_layout_engine("constrained", hspace=0.06)
        panels = figure.subplots(rows, columns, squeeze=False).flat
        facts = (mistakes[name] for name in ("image", "actual", "predicted", "probability"))
        for axes, image, actual, predicted, probability in zip(panels, *facts, strict=False):
            axes.imshow(images[image], cmap=PIXELS, vmin=0, vmax=255)
            axes.set_title(f"true {class_names[actual]}\npredicted {class_names[predicted]}", fontsize=12, loc="center")
            axes.set_xlabel(f"{100 * probability:.2f} %\nimage {image}", fontsize=11)
        for axes in figure.axes:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        figure.suptitle(
            f"The most confident of {total:,} mistakes in {len(predictions):,} test images{of}\n"
            "with the probability given to the wrong class",
            fontsize=14,
        )
    return figure


def per_class_figure(per_class: dict[str, dict[str, float]], macro_f1: float) -> Figure:
    """Precision, recall and F1 of each class, as dots: the axis need not start at 0, and does not.

    Args:
        per_class: class name → precision, recall, f1, support.
        macro_f1: mean F1 of the classes.
    """
    scores = pd.DataFrame.from_dict(per_class, orient="index")
    rows = np.arange(len(scores))
    low, high = scores[["precision", "recall", "f1"]].to_numpy().min(), 1.0
    margin = 0.04 * max(high - low, 0.005)
    row_height = min(0.5, _LONGEST_SIDE / len(scores))
    with style():
        figure = Figure(figsize=(8 + _width(per_class), max(len(scores) * row_height, 1) + 2.2))
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
    intervals = [
        binomtest(row.right, row.count).proportion_ci(method="wilson")
        for row in filled[["right", "count"]].itertuples(index=False)
    ]
    centre = (filled["low"] + filled["high"]) / 2
    with style():
        figure = Figure(figsize=(9, 8.5))
        upper, lower = figure.subplots(2, 1, height_ratios=[3, 1.3], sharex=True)
        upper.bar(centre, filled["accuracy"], width=0.92 / bins, color=SKY, label="accuracy")
        upper.bar(
            centre,
            filled["confidence"] - filled["accuracy"],
            bottom=filled["accuracy"],
            width=0.92 / bins,
            facecolor="none",
            edgecolor=VERMILION,
            hatch="///",
            linewidth=1.2,
            label="gap to the mean probability",
        )
        low = [accuracy - interval.low for accuracy, interval in zip(filled["accuracy"], intervals, strict=True)]
        high = [interval.high - accuracy for accuracy, interval in zip(filled["accuracy"], intervals, strict=True)]
        upper.errorbar(
            centre,
            filled["accuracy"],
            yerr=np.maximum([low, high], 0),
            fmt="none",
            ecolor=BLACK,
            elinewidth=1.2,
            capsize=3,
            label="95 % interval (Wilson)",
        )
        upper.plot([0, 1], [0, 1], color=GREY, linewidth=1.5, linestyle="--", label="perfect calibration")
        upper.set_ylabel("Accuracy")
        upper.set_xlim(0, 1)
        upper.set_ylim(0, 1.03)
        upper.grid(axis="y")
        upper.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
        bars = lower.bar(centre, filled["count"], width=0.92 / bins, color=BLUE)
        lower.set_yscale("log")
        lower.yaxis.set_minor_locator(NullLocator())
        lower.yaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
        # Room for the numbers above the bars; a lone image still has a bar.
        lower.set_ylim(0.5, filled["count"].max() * 12)
        if bins <= 30:
            lower.bar_label(bars, [f"{n:,}" for n in filled["count"]], fontsize=11, rotation=90, padding=3)
        lower.set_ylabel("Images (log scale)")
        lower.set_xlabel(f"Probability of the predicted class, {bins} bins")
        lower.grid(axis="y")
        figure.suptitle(f"Expected calibration error {error:.4f}, {len(probability):,} test images")
    return figure


def robustness_figure(table: pd.DataFrame, class_count: int) -> Figure:
    """Accuracy against the strength of each change, and below it on whole pictures and on other handwriting.

    Args:
        table: from `digits.robustness.robustness`.
        class_count: number of classes, for the level of guessing.
    """
    clean = table[table["perturbation"] == CLEAN].iloc[0]
    changes = [name for name in dict.fromkeys(table["perturbation"]) if name in CHANGES]
    whole = table[~table["perturbation"].isin([CLEAN, *changes])]
    rows = -(-len(changes) // _CHANGES_A_ROW)
    heights = [2.75 * rows + 0.7, 0.36 * len(whole) + 1]
    shown = [height for height, some in zip(heights, (True, len(whole) > 0), strict=True) if some]
    with style():
        figure = Figure(figsize=(12, sum(shown)))
        # Apart, or the long labels of the lower part would narrow the upper one.
        upper, *lower = figure.subfigures(len(shown), 1, height_ratios=shown, squeeze=False).flat
        panels = list(upper.subplots(max(rows, 1), _CHANGES_A_ROW, squeeze=False, sharey=True).flat)
        for axes in panels[len(changes) :]:
            axes.remove()
        for axes, name in zip(panels, changes, strict=False):
            part = table[table["perturbation"].isin([CLEAN, name])].sort_values("strength")
            axes.axhline(clean["accuracy"], color=GREY, linewidth=1.2, linestyle="--", label="unchanged")
            axes.axhline(1 / class_count, color=GREY, linewidth=1.2, linestyle=":", label="guessing")
            axes.errorbar(part["strength"], part["accuracy"], yerr=_distances(part), fmt="o-", color=BLUE, **_INTERVAL)
            axes.set_ylim(0, 1.03)
            axes.set_title(name.capitalize())
            axes.set_xlabel(_STRENGTHS[name][0])
            # A single strength beside 0 would be widened to negative ones.
            axes.set_xticks(part["strength"], [f"{strength:g}" for strength in part["strength"]])
            axes.grid(axis="y")
        for axes in panels[: len(changes) : _CHANGES_A_ROW]:
            axes.set_ylabel("Accuracy")
        if changes:
            panels[0].legend(loc="center left", bbox_to_anchor=(0, 0.35))
        upper.suptitle(f"Accuracy on changed test images, {clean['n']:,} a point, with Wilson intervals")
        for part in lower:
            _draw_whole_pictures(part.subplots(), whole, clean["accuracy"])
    return figure


def _draw_whole_pictures(axes: Axes, table: pd.DataFrame, clean: float) -> None:
    """One line a row: its accuracy as a dot with its interval, and as a number."""
    places = np.arange(len(table))
    others = table["perturbation"].str.startswith(LOAD_DIGITS).to_numpy()
    axes.axvline(clean, color=GREY, linewidth=1.2, linestyle="--")
    for chosen, colour in ((~others, GREEN), (others, VERMILION)):
        part = table[chosen]
        axes.errorbar(part["accuracy"], places[chosen], xerr=_distances(part), fmt="o", color=colour, **_INTERVAL)
    axes.set_xlim(0, 1.03)
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.set_yticks(places, list(map(_row_label, table["perturbation"], table["strength"])))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_xlabel("Accuracy")
    axes.set_title("Whole pictures, and handwriting that is not of this data set")
    values = axes.secondary_yaxis("right")
    texts = [f"{row.accuracy:.3f}  ({row.n:,})" for row in table.itertuples()]
    values.set_yticks(places, texts)
    values.tick_params(length=0)
    values.spines["right"].set_visible(False)


def _row_label(perturbation: str, strength: float) -> str:
    if perturbation.startswith(LOAD_DIGITS):
        return "load_digits, found as in a picture" if perturbation.endswith(PICTURE) else "load_digits, enlarged"
    change = perturbation.removeprefix(PICTURE).lstrip("_")
    return f"picture, {_STRENGTHS[change][1].format(strength)}" if change else "picture, unchanged"


def _distances(table: pd.DataFrame) -> np.ndarray:
    """How far the ends of the intervals are from the accuracies: (2, n)."""
    ends = (table["accuracy"] - table["low"], table["high"] - table["accuracy"])
    return np.maximum(np.array(ends, dtype=np.float64), 0)


def _width(names: Iterable[str], fontsize: float = 12) -> float:
    """Width of the longest name, in inches."""
    with style():
        font = FontProperties(size=fontsize)
        widths = [text_to_path.get_text_width_height_descent(name, font, ismath=False)[0] for name in names]
    return max(widths) / 72

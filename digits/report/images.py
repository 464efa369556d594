"""Figures that show images: the first one, samples of each class, and mistakes."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from digits.arrays import Rows
from digits.report.sizes import LONGEST_SIDE, text_width
from digits.style import PIXELS, style, text_colour

_MISTAKES_A_ROW = 5
# Rows and columns of the matrix of numbers.
_MOST_CELLS = 56


def first_image_figure(image: np.ndarray, name: str) -> Figure:
    """An image beside the matrix of its values. Of a large image the matrix shows the middle.

    Args:
        image: uint8 (height, width).
        name: of its class.
    """
    height, width = image.shape
    rows, columns = (slice(max(0, (side - _MOST_CELLS) // 2), (side + _MOST_CELLS) // 2) for side in image.shape)
    shown = image[rows, columns]
    cells = (0.43 * shown.shape[1], 0.36 * shown.shape[0])
    with style():
        figure = Figure(figsize=(cells[0] + 0.62 * cells[1] + 1.5, cells[1] + 1.6))
        picture, matrix = figure.subplots(1, 2, width_ratios=[0.62 * cells[1], cells[0]])
        _draw_image(picture, image, (0, 0))
        _draw_image(matrix, shown, (rows.start, columns.start))
        matrix.set_aspect("auto")
        # At the top, level with the matrix.
        picture.set_anchor("N")
        picture.set_title("As a picture: 0 is black, 255 is white")
        part = "" if shown.size == image.size else f"the middle {shown.shape[0]}×{shown.shape[1]} of "
        matrix.set_title(f"As numbers: {part}{height}×{width} unsigned bytes")
        shades = np.linspace(0, 1, 256)
        for (row, column), value in np.ndenumerate(shown):
            # Zeros are grey, so that the shape stands out.
            colour = "#909090" if value == 0 else text_colour((float(shades[value]),) * 3)
            matrix.text(column, row, str(value), ha="center", va="center", fontsize=11, color=colour)
        figure.suptitle(f"The first training image: class {name}", fontsize=20)
    return figure


def _draw_image(axes: Axes, image: np.ndarray, start: tuple[int, int]) -> None:
    """An image, with rows and columns counted from `start`."""
    axes.imshow(image, cmap=PIXELS, vmin=0, vmax=255)
    for axis, first, length in zip((axes.yaxis, axes.xaxis), start, image.shape, strict=True):
        ticks = range(0, length, max(3, length // 20))
        axis.set_ticks(ticks, [str(first + tick) for tick in ticks])
    axes.set_xlabel("Column")
    axes.set_ylabel("Row")
    axes.spines[["top", "right"]].set_visible(True)


def sample_rows(labels: np.ndarray, classes: int, per_class: int) -> list[np.ndarray]:
    """The first rows of each class, in file order.

    Args:
        labels: integers (n,), 0 … classes - 1.
        classes: number of classes.
        per_class: how many rows of each class; a class with fewer gives all its rows.

    Returns:
        For each class an int64 array of at most `per_class` ascending rows.
    """
    return [np.flatnonzero(labels == label)[:per_class] for label in range(classes)]


def samples_figure(images: Rows, labels: np.ndarray, class_names: list[str], per_class: int) -> Figure:
    """A grid of training images, one row a class. A class without images is left out.

    Args:
        images: uint8 (n, height, width).
        labels: integers (n,).
        class_names: name of label 0, 1, ….
        per_class: columns of the grid.
    """
    height, width = images.shape[1:]
    present = np.unique(labels)
    class_names = [class_names[label] for label in present]
    labels = np.searchsorted(present, labels)
    gap = 2
    step = (height + gap, width + gap)
    # One canvas for all images: a hundred axes would take seconds to lay out. The gaps are NaN, drawn transparent.
    canvas = np.full((len(class_names) * step[0] - gap, per_class * step[1] - gap), np.nan)
    for label, rows in enumerate(sample_rows(labels, len(class_names), per_class)):
        for column, row in enumerate(rows):
            top, left = label * step[0], column * step[1]
            canvas[top : top + height, left : left + width] = images[row]
    cell = min(0.65, LONGEST_SIDE / len(class_names))
    size = min(13, 60 * cell)
    names = text_width(class_names, size)
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


def confident_mistakes(predictions: pd.DataFrame, count: int) -> pd.DataFrame:
    """The wrong predictions with the highest probability, highest first, ties by image.

    Args:
        predictions: columns image, actual, predicted, probability (of the predicted class).
        count: how many at most.
    """
    wrong = predictions[predictions["actual"] != predictions["predicted"]]
    return wrong.sort_values(["probability", "image"], ascending=[False, True]).head(count)


def mistakes_figure(
    images: Rows, predictions: pd.DataFrame, class_names: list[str], count: int, of: str = ""
) -> Figure:
    """The most confident mistakes: true class, predicted class, its probability, and the row in the test file.

    Args:
        images: uint8 (n, height, width), the test images.
        predictions: as for `confident_mistakes`.
        class_names: name of label 0, 1, ….
        count: how many to show at most.
        of: says in the title which test images `predictions` has; empty for all.
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
        cell = max(1.9, text_width(class_names, fontsize=12) + 0.9)
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

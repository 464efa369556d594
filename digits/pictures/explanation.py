"""The figure that explains a prediction: what was found, what the model saw, what it answered, where it looked.

Where it looked is an occlusion map (M. D. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks",
2014). A patch of paper covers the digit at each place in turn, and the map shows how far the log odds of the answer
fall. A gradient would need access to the inside of the model, has no unit that words can express, and vanishes where
the softmax saturates. The fall of the log odds has none of these faults.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from digits.pictures.file import Picture
from digits.pictures.read import Classify, Prediction, Reading, percent
from digits.style import BLUE, GREY, PIXELS, VERMILION, save_figure, style

# Side of the patch in pixels. It is about two strokes wide, so that it can hide one.
PATCH = 5
# The most rows of a figure. Of a page with more digits the first ones are explained, so that the figure stays readable.
MOST_ROWS = 12


def occlusion_map(classify: Classify, pixels: np.ndarray, digit: int, patch: int = PATCH) -> np.ndarray:
    """How far the log odds of `digit` fall when a patch of paper covers a pixel and its surroundings.

    Args:
        classify: a model.
        pixels: uint8 (28, 28).
        digit: the class whose odds are measured.
        patch: side of the square patch in pixels, odd.

    Returns:
        float64 (28, 28): the mean fall, in natural log odds, over all patches that cover the pixel. It is negative
        where covering raises the odds.
    """
    side, reach = pixels.shape[0], patch // 2
    covered = np.repeat(pixels[None], side * side, axis=0)
    for index, (row, column) in enumerate(np.ndindex(side, side)):
        covered[index, max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = 0
    whole = _log_odds(classify(pixels[None])[:, digit])
    fall = (whole - _log_odds(classify(covered)[:, digit])).reshape(side, side)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(fall, reach, constant_values=np.nan), (patch, patch))
    return np.nanmean(windows, axis=(2, 3))


def draw_explanation(picture: Picture, prediction: Prediction, classify: Classify, path: Path | str) -> None:
    """Write the explanation of a picture as PNG: the picture with its boxes, and one row for each digit."""
    with style():
        save_figure(explanation(picture, prediction, classify), path, dpi=100)


def explanation(picture: Picture, prediction: Prediction, classify: Classify) -> Figure:
    """The figure of `draw_explanation`. Call it within `style()`."""
    shown = prediction.readings[:MOST_ROWS]
    original_height = float(np.clip(11 * picture.colour.height / picture.colour.width, 2, 5))
    figure = Figure(figsize=(11, original_height + 0.6 + 3.1 * len(shown)))
    top, *rows = figure.subfigures(
        1 + len(shown), 1, height_ratios=[original_height + 0.6] + [3.1] * len(shown), squeeze=False
    )[:, 0]
    _draw_original(top.subplots(), picture, prediction)
    for number, (row, reading) in enumerate(zip(rows, shown, strict=True), start=1):
        seen, bars, looked = row.subplots(1, 3, width_ratios=[1, 1.4, 1.25])
        _draw_seen(seen, reading, number)
        _draw_bars(bars, reading)
        _draw_looked(looked, reading, occlusion_map(classify, reading.pixels, reading.digit))
    return figure


def _draw_original(axes: Axes, picture: Picture, prediction: Prediction) -> None:
    axes.imshow(picture.colour, extent=(0, picture.colour.width, picture.colour.height, 0), interpolation="antialiased")
    line = max(picture.colour.size) / 400
    for number, reading in enumerate(prediction.readings, start=1):
        left, top, right, bottom = (value / picture.scale for value in reading.box)
        colour = BLUE if reading.sure else VERMILION
        box = Rectangle((left - line, top - line), right - left + 2 * line, bottom - top + 2 * line)
        box.set(fill=False, edgecolor=colour, linewidth=2)
        axes.add_patch(box)
        axes.annotate(
            str(number),
            (left, top),
            (0, 3),
            textcoords="offset points",
            color="white",
            backgroundcolor=colour,
            fontsize=10,
            fontweight="bold",
            va="bottom",
        )
    digits = " ".join(str(reading.digit) if reading.sure else f"{reading.digit}?" for reading in prediction.readings)
    hidden = len(prediction.readings) - MOST_ROWS
    more = f" (the first {MOST_ROWS} explained below)" if hidden > 0 else ""
    note = f" ({prediction.note})" if prediction.note else ""
    axes.set_title(f"{Path(prediction.file).name}{note}: {digits or 'no digit found'}{more}")
    axes.set_axis_off()


def _draw_seen(axes: Axes, reading: Reading, number: int) -> None:
    axes.imshow(reading.pixels, cmap=PIXELS, vmin=0, vmax=255)
    axes.set_title(f"{number}: what the model saw")
    axes.set(xticks=[0, 27], yticks=[0, 27])


def _draw_bars(axes: Axes, reading: Reading) -> None:
    classes = np.arange(len(reading.probabilities))
    colours = np.where(classes == reading.digit, BLUE if reading.sure else VERMILION, "#BBBBBB")
    axes.barh(classes, reading.probabilities, color=colours.tolist())
    for label in (reading.digit, reading.runner_up):
        value = float(reading.probabilities[label])
        inside = value > 0.6
        axes.annotate(
            percent(value),
            (value, label),
            (-4 if inside else 4, 0),
            textcoords="offset points",
            fontsize=10,
            va="center",
            ha="right" if inside else "left",
            color="white" if inside else GREY,
        )
    axes.set(xlim=(0, 1), yticks=classes, xticks=[0, 0.5, 1], xticklabels=["0", "50 %", "100 %"])
    axes.invert_yaxis()
    axes.set_title(f"{reading.digit}" if reading.sure else f"{reading.digit}, not sure")


def _draw_looked(axes: Axes, reading: Reading, fall: np.ndarray) -> None:
    # The last bits of a sum depend on the memory alignment of its terms. Rounding makes equal input give equal files.
    fall = fall.round(3)
    # The range is at least 1, so that small changes do not appear in full colour.
    limit = max(1.0, float(np.abs(fall).max()))
    norm = TwoSlopeNorm(0, -limit, limit)
    image = axes.imshow(fall, cmap="PuOr_r", norm=norm)
    axes.contour(reading.pixels, levels=[127], colors="black", linewidths=0.8)
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"Where it looked for {reading.digit}")
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.9)
    bar.set_label(f"fall of the log odds\nif {PATCH}×{PATCH} are covered", fontsize=10)


def _log_odds(probability: np.ndarray) -> np.ndarray:
    # Float32 does not resolve probabilities closer to 1 than this.
    bounded = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.log(bounded / (1 - bounded))

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
from digits.pictures.mnist import SIDE
from digits.pictures.read import Classify, Prediction, Reader, Reading, percent
from digits.style import BLUE, GREY, PIXELS, VERMILION, save_figure, style

# Side of the patch in pixels of an image of 28×28. It is about two strokes wide, so that it can hide one.
PATCH = 5
# The most rows of a figure. Of a page with more digits the first ones are explained, so that the figure stays readable.
MOST_ROWS = 12
# The most classes that are shown with their probabilities: of more, the most probable ones.
MOST_BARS = 12
# The longest class name that is shown whole, in characters.
_LONGEST_NAME = 16


def patch_side(side: int) -> int:
    """The side of the patch for images of `side` pixels: odd."""
    return max(1, round(PATCH * side / SIDE - 1) // 2 * 2 + 1)


def occlusion_map(classify: Classify, pixels: np.ndarray, digit: int) -> np.ndarray:
    """How far the log odds of `digit` fall when a patch of paper covers a pixel and its surroundings.

    Args:
        classify: a model.
        pixels: uint8 (side, side).
        digit: the class whose odds are measured.

    Returns:
        float64 (side, side): the mean fall, in natural log odds, over all patches that cover the pixel. It is negative
        where covering raises the odds.
    """
    side = pixels.shape[0]
    reach = patch_side(side) // 2
    # Patches at every pixel of 28×28, and about as many in a larger image: their number grows with the area.
    places = range(0, side, max(1, side // SIDE))
    whole = _log_odds(classify(pixels[None])[:, digit])
    fall = np.full((side, side), np.nan)
    for row in places:
        covered = np.repeat(pixels[None], len(places), axis=0)
        for image, column in zip(covered, places, strict=True):
            image[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = 0
        fall[row, :: places.step] = whole - _log_odds(classify(covered)[:, digit])
    window = (2 * reach + 1, 2 * reach + 1)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(fall, reach, constant_values=np.nan), window)
    return np.nanmean(windows, axis=(2, 3))


def draw_explanation(picture: Picture, prediction: Prediction, reader: Reader, path: Path | str) -> None:
    """Write the explanation of a picture as PNG: the picture with its boxes, and one row for each digit."""
    with style():
        save_figure(explanation(picture, prediction, reader), path, dpi=100)


def explanation(picture: Picture, prediction: Prediction, reader: Reader) -> Figure:
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
        _draw_bars(bars, reading, reader)
        _draw_looked(looked, reading, occlusion_map(reader.classify, reading.pixels, reading.digit))
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
    digits = " ".join(_short(reading.name) + ("" if reading.sure else "?") for reading in prediction.readings)
    hidden = len(prediction.readings) - MOST_ROWS
    more = f" (the first {MOST_ROWS} explained below)" if hidden > 0 else ""
    note = f" ({prediction.note})" if prediction.note else ""
    axes.set_title(f"{Path(prediction.file).name}{note}: {digits or 'no digit found'}{more}")
    axes.set_axis_off()


def _draw_seen(axes: Axes, reading: Reading, number: int) -> None:
    axes.imshow(reading.pixels, cmap=PIXELS, vmin=0, vmax=255)
    axes.set_title(f"{number}: what the model saw")
    ends = [0, len(reading.pixels) - 1]
    axes.set(xticks=ends, yticks=ends)


def _draw_bars(axes: Axes, reading: Reading, reader: Reader) -> None:
    # In the order of labels, also where only the most probable ones are shown.
    labels = np.sort(np.argsort(reading.probabilities, kind="stable")[-MOST_BARS:])
    rows = np.arange(len(labels))
    colours = np.where(labels == reading.digit, BLUE if reading.sure else VERMILION, "#BBBBBB")
    axes.barh(rows, reading.probabilities[labels], color=colours.tolist())
    for label in (reading.digit, reading.runner_up):
        value = float(reading.probabilities[label])
        inside = value > 0.6
        axes.annotate(
            percent(value),
            (value, int(np.searchsorted(labels, label))),
            (-4 if inside else 4, 0),
            textcoords="offset points",
            fontsize=10,
            va="center",
            ha="right" if inside else "left",
            color="white" if inside else GREY,
        )
    axes.set(xlim=(0, 1), xticks=[0, 0.5, 1], xticklabels=["0", "50 %", "100 %"])
    axes.set_yticks(rows, [_short(reader.class_names[label]) for label in labels])
    axes.invert_yaxis()
    axes.set_title(_short(reading.name) + ("" if reading.sure else ", not sure"))


def _draw_looked(axes: Axes, reading: Reading, fall: np.ndarray) -> None:
    # The last bits of a sum depend on the memory alignment of its terms. Rounding makes equal input give equal files.
    fall = fall.round(3)
    # The range is at least 1, so that small changes do not appear in full colour.
    limit = max(1.0, float(np.abs(fall).max()))
    norm = TwoSlopeNorm(0, -limit, limit)
    image = axes.imshow(fall, cmap="PuOr_r", norm=norm)
    axes.contour(reading.pixels, levels=[127], colors="black", linewidths=0.8)
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"Where it looked for {_short(reading.name)}")
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.9)
    patch = patch_side(len(fall))
    bar.set_label(f"fall of the log odds\nif {patch}×{patch} are covered", fontsize=10)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _log_odds(probability: np.ndarray) -> np.ndarray:
    # Float32 does not resolve probabilities closer to 1 than this.
    bounded = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.log(bounded / (1 - bounded))

"""Figures of a comparison: training curves, differences in accuracy, changes in the confusion matrix."""

import base64
import io
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import confusion_matrix

from digits.evaluation.comparison import Entry
from digits.style import BLACK, BLUE, GREY, PALETTE, VERMILION, style, text_colour

# Models beyond the palette have the first colours again, with another marker. Matplotlib's marker → the character.
MARKERS = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼", "P": "✚", "X": "✖"}
_DOTTED = (0, (2, 2))
# With more classes, numbers in the cells of a confusion matrix would be too small to read.
_MOST_NUMBERED_CLASSES = 30


def look(i: int) -> tuple[str, str]:
    """Colour and marker of model i, counted from 0."""
    return PALETTE[i % len(PALETTE)], list(MARKERS)[i // len(PALETTE) % len(MARKERS)]


def histories_figure(entries: Sequence[Entry], key: str, title: str) -> Figure:
    """Training and validation curves of all models on one pair of axes.

    Args:
        entries: the models.
        key: `accuracy` or `loss`; the histories have the columns `key` and `val_key`.
        title: of the vertical axis.
    """
    with style():
        figure = Figure(figsize=(7, 4.8))
        axes = figure.subplots()
        for i, entry in enumerate(entries):
            history = entry.model.history
            colour, marker = look(i)
            axes.plot(history["epoch"], history[f"val_{key}"], color=colour, marker=marker, markersize=5)
            axes.plot(history["epoch"], history[key], color=colour, linestyle=_DOTTED, linewidth=1.6)
        axes.set_xlabel("Epoch")
        axes.set_ylabel(title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
        # The legend of the models is part of the page: there is room for any number of names.
        kinds = [
            Line2D([], [], color=GREY, label="validation"),
            Line2D([], [], color=GREY, linestyle=_DOTTED, linewidth=1.6, label="training"),
        ]
        # In the corner without curves: accuracy ends at the top, loss at the bottom.
        axes.legend(handles=kinds, loc="lower right" if key == "accuracy" else "upper right")
    return figure


def differences_figure(entries: Sequence[Entry]) -> Figure:
    """Difference in accuracy to the baseline, with its interval, one line a model.

    Args:
        entries: models with a paired comparison.
    """
    with style():
        figure = Figure(figsize=(8, 1.2 + 0.45 * len(entries)))
        axes = figure.subplots()
        axes.axvline(0, color=GREY, linewidth=1.2)
        for row, entry in enumerate(entries):
            paired = entry.paired
            assert paired is not None
            colour = {"better": BLUE, "worse": VERMILION}.get(paired.verdict, BLACK)
            low, middle, high = (100 * value for value in (paired.low, paired.difference, paired.high))
            axes.errorbar(
                middle, row, xerr=[[middle - low], [high - middle]], fmt="o", color=colour, capsize=5, linewidth=2.2
            )
            axes.annotate(paired.verdict, (1.01, row), xycoords=("axes fraction", "data"), va="center", color=colour)
        axes.set_yticks(range(len(entries)), [textwrap.fill(entry.model.name, 28) for entry in entries])
        axes.set_ylim(len(entries) - 0.5, -0.5)
        axes.set_xlabel("Accuracy compared with the baseline, in percentage points")
        axes.grid(axis="x")
    return figure


def confusion_difference_figure(base: Entry, entry: Entry, names: Sequence[str]) -> Figure:
    """By how many images the challenger's confusion matrix differs from the baseline's, cell by cell.

    Blue is better (more on the diagonal, fewer elsewhere), orange is worse.

    Args:
        base: the baseline.
        entry: the challenger, scored on the same images.
        names: of the classes.
    """
    change = _confusion(entry, len(names)) - _confusion(base, len(names))
    benefit = np.where(np.eye(len(names), dtype=bool), change, -change)
    limit = max(int(np.abs(benefit).max()), 1)
    colours = LinearSegmentedColormap.from_list("worse_better", [VERMILION, "#FFFFFF", BLUE])
    side = max(0.5 * min(len(names), 40), 4)
    with style():
        figure = Figure(figsize=(side + 1.6, side + 1.1))
        axes = figure.subplots()
        axes.imshow(benefit, cmap=colours, vmin=-limit, vmax=limit)
        for (row, column), value in np.ndenumerate(change):
            if value and len(names) <= _MOST_NUMBERED_CLASSES:
                colour = text_colour(colours((benefit[row, column] + limit) / (2 * limit)))
                axes.text(column, row, f"{value:+d}", ha="center", va="center", fontsize=11, color=colour)
        axes.set_xticks(range(len(names)), names, rotation=0 if max(map(len, names)) <= 3 else 90)
        axes.set_yticks(range(len(names)), names)
        # Light lines between the cells, and a frame around all of them.
        axes.set_xticks(np.arange(len(names) - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(len(names) - 1) + 0.5, minor=True)
        axes.grid(which="minor", color="#E5E5E5", linewidth=0.6)
        axes.tick_params(which="both", length=0)
        axes.spines[["top", "right"]].set_visible(True)
        axes.set_xlabel("Predicted class")
        axes.set_ylabel("True class")
    return figure


def svg_uri(figure: Figure) -> str:
    """A figure as data URI, with the same bytes for the same figure."""
    out = io.BytesIO()
    # Drawn within the style: it has the salt from which the file's identifiers are made.
    with style():
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()


def _confusion(entry: Entry, classes: int) -> np.ndarray:
    predictions = entry.model.predictions
    return confusion_matrix(predictions["actual"], predictions["predicted"], labels=range(classes))

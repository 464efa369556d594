"""Figure of the accuracy on changed test images, on whole pictures and on other handwriting."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from digits.evaluation.changes import CHANGES
from digits.evaluation.perturbation import CLEAN, LOAD_DIGITS, PICTURE
from digits.report.sizes import LARGE
from digits.style import BLACK, BLUE, GREEN, GREY, VERMILION, style

_CHANGES_A_ROW = 3
# What a strength of each change means (digits.evaluation.changes): as the label of an axis, and in a phrase.
_STRENGTHS = {
    "shift": ("Pixels, in any direction", "shifted by {:g} px"),
    "rotation": ("Degrees, left or right", "turned by {:g}°"),
    "scale": ("Percent larger or smaller", "size {:+g} %"),
    "stroke": ("Pixels wider or narrower", "strokes {:+g} px"),
    "noise": ("Standard deviation, grey levels", "noise of {:g} grey levels"),
    "blur": ("Standard deviation, pixels", "blur of {:g} px"),
    "contrast": ("Percent taken away", "{:g} % less contrast"),
    "inversion": ("1: dark and light swapped", "dark and light swapped"),
    "occlusion": ("Side of a black square, pixels", "square of {:g} px blacked out"),
}
_INTERVAL: dict[str, Any] = {"ecolor": BLACK, "elinewidth": 1.8, "capsize": 4, "markersize": 7}
# Labels of an axis nearer to each other than this share of it would touch.
_NEAREST_LABELS = 0.14


def robustness_figure(table: pd.DataFrame, class_count: int) -> Figure:
    """Accuracy against the strength of each change, and below it on whole pictures and on other handwriting.

    Args:
        table: from `digits.evaluation.robustness.robustness`.
        class_count: number of classes, for the level of guessing.
    """
    clean = table[table["perturbation"] == CLEAN].iloc[0]
    changes = [name for name in dict.fromkeys(table["perturbation"]) if name in CHANGES]
    whole = table[~table["perturbation"].isin([CLEAN, *changes])]
    rows = -(-len(changes) // _CHANGES_A_ROW)
    heights = [3.1 * rows + 0.8, 0.42 * len(whole) + 1.2]
    shown = [height for height, some in zip(heights, (True, len(whole) > 0), strict=True) if some]
    with style():
        figure = Figure(figsize=(12, sum(shown)))
        # Two subfigures: in one, the long labels of the lower part would narrow the upper one.
        upper, *lower = figure.subfigures(len(shown), 1, height_ratios=shown, squeeze=False).flat
        panels = list(upper.subplots(max(rows, 1), _CHANGES_A_ROW, squeeze=False, sharey=True).flat)
        for axes in panels[len(changes) :]:
            axes.remove()
        for axes, name in zip(panels, changes, strict=False):
            part = table[table["perturbation"].isin([CLEAN, name])].sort_values("strength")
            axes.axhline(clean["accuracy"], color=GREY, linewidth=1.2, linestyle="--", label="unchanged")
            axes.axhline(1 / class_count, color=GREY, linewidth=1.2, linestyle=":", label="guessing")
            _draw_change(axes, name, part)
        for axes in panels[: len(changes) : _CHANGES_A_ROW]:
            axes.set_ylabel("Accuracy", fontsize=LARGE)
        if changes:
            panels[0].legend(loc="center left", bbox_to_anchor=(0, 0.35), fontsize=LARGE)
        upper.suptitle(
            f"Accuracy on changed test images, {clean['n']:,} a point, with Wilson intervals", fontsize=LARGE + 2
        )
        for part in lower:
            _draw_whole_pictures(part.subplots(), whole, clean["accuracy"])
    return figure


def _draw_change(axes: Axes, name: str, part: pd.DataFrame) -> None:
    """Accuracy against the strength of one change, with intervals."""
    axes.errorbar(part["strength"], part["accuracy"], yerr=_distances(part), fmt="o-", color=BLUE, **_INTERVAL)
    axes.set_ylim(0, 1.03)
    axes.set_title(name.capitalize(), fontsize=LARGE + 1)
    axes.set_xlabel(_STRENGTHS[name][0], fontsize=LARGE)
    # Matplotlib's own ticks would go to negative strengths if there is only one beside 0.
    axes.set_xticks(part["strength"], _labels(part["strength"].tolist()))
    axes.tick_params(labelsize=LARGE)
    axes.grid(axis="y")


def _labels(strengths: list[float]) -> list[str]:
    """The label of each strength, ascending; none where it would touch the one before."""
    labels, last = [], float("-inf")
    for strength in strengths:
        is_free = strength - last >= _NEAREST_LABELS * (strengths[-1] - strengths[0])
        labels.append(f"{strength:g}" if is_free else "")
        last = strength if is_free else last
    return labels


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
    axes.set_yticks(places, list(map(words, table["perturbation"], table["strength"])))
    axes.tick_params(labelsize=LARGE - 1)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_xlabel("Accuracy", fontsize=LARGE)
    axes.set_title("Whole pictures, and handwriting that is not of this data set", fontsize=LARGE + 1)
    values = axes.secondary_yaxis("right")
    texts = [f"{row.accuracy:.3f}  ({row.n:,})" for row in table.itertuples()]
    values.set_yticks(places, texts)
    values.tick_params(length=0, labelsize=LARGE - 1)
    values.spines["right"].set_visible(False)


def words(perturbation: str, strength: float) -> str:
    """A row of the table as a phrase: `turned by 30°`, `picture, unchanged`, `load_digits, enlarged`."""
    if perturbation.startswith(LOAD_DIGITS):
        return "load_digits, found as in a picture" if perturbation.endswith(PICTURE) else "load_digits, enlarged"
    if not perturbation.startswith(PICTURE):
        return _STRENGTHS[perturbation][1].format(strength) if perturbation in _STRENGTHS else "unchanged"
    change = perturbation.removeprefix(PICTURE).lstrip("_")
    return f"picture, {_STRENGTHS[change][1].format(strength)}" if change else "picture, unchanged"


def _distances(table: pd.DataFrame) -> np.ndarray:
    """How far the ends of the intervals are from the accuracies: (2, n)."""
    ends = (table["accuracy"] - table["low"], table["high"] - table["accuracy"])
    return np.maximum(np.array(ends, dtype=np.float64), 0)

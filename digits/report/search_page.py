"""The page of a search: accuracy against time, parameters as parallel lines, their importance, and a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from digits.report.comparison_figures import svg_uri
from digits.report.sheet import render
from digits.style import BLUE, GREY, ORANGE, SEQUENTIAL, VERMILION, style


@dataclass(frozen=True)
class TrialRow:
    """One training of a search.

    Attributes:
        number: from 1.
        settings: its parameters, key → value.
        accuracy: on the validation images after its last epoch, 0 to 1.
        seconds: that it took.
        epochs: that it did.
        status: in words.
        is_stopped: whether it was ended early.
    """

    number: int
    settings: Mapping[str, Any]
    accuracy: float
    seconds: float
    epochs: int
    status: str
    is_stopped: bool


def search_page(
    name: str, rows: Sequence[TrialRow], importance: Mapping[str, float], logarithmic: set[str], finalists: str
) -> str:
    """The page as HTML that needs no network.

    Args:
        name: of the search.
        rows: all trainings that did an epoch at least.
        importance: share of each parameter in the differences of accuracy, 0 to 1; empty if too few trainings tell.
        logarithmic: keys with a logarithmic range.
        finalists: the comparison of the best, as it stands in the terminal.
    """
    keys = list(rows[0].settings)
    figures = [
        ("Accuracy against time", time_figure(rows), "Validation accuracy and seconds of each training"),
        ("Parameters", parallel_figure(rows, logarithmic), "A line for each training through its parameters"),
    ]
    if importance:
        figures.append(("Importance", importance_figure(importance), "A bar for the importance of each parameter"))
    return render(
        "search.html",
        name=name,
        stopped=sum(row.is_stopped for row in rows),
        total=len(rows),
        keys=[_short_key(key) for key in keys],
        rows=[(row, [_text(row.settings[key]) for key in keys]) for row in sorted(rows, key=lambda row: -row.accuracy)],
        figures=[(title, svg_uri(figure), alt) for title, figure, alt in figures],
        finalists=finalists,
    )


def frontier(rows: Sequence[TrialRow]) -> list[TrialRow]:
    """The trainings that no other one beats in both time and accuracy, the quickest first."""
    found: list[TrialRow] = []
    for row in sorted(rows, key=lambda row: (row.seconds, -row.accuracy)):
        if not found or row.accuracy > found[-1].accuracy:
            found.append(row)
    return found


def time_figure(rows: Sequence[TrialRow]) -> Figure:
    """Accuracy against time, with the frontier."""
    percent = [100 * row.accuracy for row in rows]
    with style():
        figure = Figure(figsize=(8, 4.6))
        axes = figure.subplots()
        for stopped, colour, marker, label in ((False, BLUE, "o", "whole"), (True, ORANGE, "^", "stopped early")):
            some = [row for row in rows if row.is_stopped == stopped]
            if some:
                seconds, accuracy = [row.seconds for row in some], [100 * row.accuracy for row in some]
                axes.scatter(seconds, accuracy, color=colour, marker=marker, label=label)
        best = frontier(rows)
        line = [row.seconds for row in best], [100 * row.accuracy for row in best]
        axes.step(*line, where="post", color=VERMILION, label="frontier")
        axes.set_xlabel("Seconds of training")
        axes.set_ylabel("Validation accuracy in %")
        # The worst tenth would press the good ones into a line.
        low, top = float(np.quantile(percent, 0.1)), max(percent)
        margin = 0.1 * (top - low + 0.1)
        axes.set_ylim(low - margin, top + margin)
        axes.grid(axis="y")
        axes.legend(loc="lower right")
    return figure


def parallel_figure(rows: Sequence[TrialRow], logarithmic: set[str]) -> Figure:
    """Parallel coordinates: an axis for each parameter and for the accuracy, whose rank gives the colour."""
    keys = list(rows[0].settings)
    # By rank: the accuracies of a search crowd at the top.
    ranks = np.argsort(np.argsort([row.accuracy for row in rows])) / max(1, len(rows) - 1)
    columns = [_scaled([row.settings[key] for row in rows], key in logarithmic) for key in keys]
    places = np.array([column for column, _ in columns] + [ranks])
    values = sorted(row.accuracy for row in rows)
    with style():
        figure = Figure(figsize=(max(8.0, 2.0 * (len(keys) + 1)), 4.8))
        axes = figure.subplots()
        for at in np.argsort(ranks):
            axes.plot(places[:, at], color=colormaps[SEQUENTIAL](0.15 + 0.85 * ranks[at]), linewidth=1.5)
        for at, (_, ticks) in enumerate(columns):
            for place, text in ticks:
                # Lines of other trainings run behind it.
                ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
                axes.text(at - 0.04, place, text, ha="right", va="center", color=GREY, bbox=ground, zorder=3)
        for place, value in ((0, values[0]), (1, values[-1])):
            axes.text(len(keys) + 0.04, place, f"{100 * value:.2f} %", ha="left", va="center", color=GREY)
        axes.set_xticks(range(len(keys) + 1), [*map(_short_key, keys), "validation accuracy\n(by rank)"])
        axes.set_xlim(-0.5, len(keys) + 0.6)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        for at in range(len(keys) + 1):
            axes.axvline(at, color=GREY, linewidth=0.8, zorder=0)
    return figure


def importance_figure(importance: Mapping[str, float]) -> Figure:
    """A bar for each parameter, the longest at the top."""
    ordered = sorted(importance.items(), key=lambda pair: pair[1])
    with style():
        figure = Figure(figsize=(8, 1.2 + 0.45 * len(ordered)))
        axes = figure.subplots()
        axes.barh([_short_key(key) for key, _ in ordered], [100 * value for _, value in ordered], color=BLUE)
        axes.set_xlabel("Share of the differences in accuracy, in %")
        axes.grid(axis="x")
    return figure


def _scaled(values: Sequence[Any], logarithmic: bool) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Places of values on an axis from 0 to 1, and its ticks."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        numbers = np.array([math.log(value) if logarithmic else float(value) for value in values])
        low, high = numbers.min(), numbers.max()
        if high == low:
            return np.full(len(numbers), 0.5), [(0.5, _text(values[0]))]
        return (numbers - low) / (high - low), [(0.0, _text(min(values))), (1.0, _text(max(values)))]
    kinds = sorted({str(value) for value in values})
    place = {kind: at / (len(kinds) - 1) if len(kinds) > 1 else 0.5 for at, kind in enumerate(kinds)}
    return np.array([place[str(value)] for value in values]), [(at, kind) for kind, at in place.items()]


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _short_key(key: str) -> str:
    return key.removeprefix("train.").removeprefix("model.")

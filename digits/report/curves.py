"""Figure of the training: loss and accuracy after each epoch."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from digits.style import BLACK, BLUE, GREY, VERMILION, style


def best_epoch(history: pd.DataFrame, metric: str) -> tuple[int, float]:
    """The epoch with the best validation value, the first of equal ones, and that value.

    Args:
        history: columns epoch and val_`metric`.
        metric: `loss`, of which the lowest is best, or `accuracy`.
    """
    values = history[f"val_{metric}"].to_numpy()
    row = int(values.argmin() if metric == "loss" else values.argmax())
    return int(history["epoch"].iloc[row]), float(values[row])


def curves_figure(history: pd.DataFrame, training: dict[str, Any]) -> Figure:
    """Loss and accuracy after each epoch, training and validation; the best epoch, the last one, and why it was that.

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
            _mark_best(axes, history, metric)
            end = "stop" if training["stopped"] else "end"
            axes.axvline(last, color=GREY, linewidth=1.2, linestyle=":", label=f"{end} after epoch {last}")
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


def _mark_best(axes: Axes, history: pd.DataFrame, metric: str) -> None:
    """A ring around the best validation value."""
    epoch, value = best_epoch(history, metric)
    label = f"best validation: {value:.4f}, epoch {epoch}"
    axes.scatter([epoch], [value], s=300, facecolors="none", edgecolors=BLACK, linewidths=1.8, label=label, zorder=3)

"""Figure of the training: loss and accuracy after each epoch."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from digits.style import BLACK, BLUE, GREY, VERMILION, style


def curves_figure(history: pd.DataFrame, training: dict[str, Any]) -> Figure:
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

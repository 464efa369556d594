"""The list of the report's figures, and the data that they are drawn from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from digits.arrays import Rows
from digits.data.dataset import Dataset
from digits.evaluation.paired import right
from digits.evaluation.scores import weak_classes
from digits.params import PlotParams
from digits.report.classes import confusion_figure, per_class_figure
from digits.report.curves import curves_figure
from digits.report.images import first_image_figure, mistakes_figure, samples_figure
from digits.report.reliability import reliability_figure
from digits.report.robustness import robustness_figure
from digits.results import Results


@dataclass(frozen=True)
class ReportData:
    """What the figures show.

    Attributes:
        class_names: name of label 0, 1, ….
        first_image: the first image of the raw training file, uint8 (height, width).
        first_label: its label.
        train: training images, uint8 (n, height, width), of which a few are shown.
        train_labels: integers (n,).
        test: test images, uint8 (n, height, width).
        training: training.json.
        history: history.csv.
        metrics: `test` of metrics.json.
        predictions: predictions.csv.
        robustness: robustness.csv.
        settings: section `plot` of params.yaml.
        bins: of the reliability diagram.
    """

    class_names: list[str]
    first_image: np.ndarray
    first_label: int
    train: Rows
    train_labels: np.ndarray
    test: Rows
    training: dict[str, Any]
    history: pd.DataFrame
    metrics: dict[str, Any]
    predictions: pd.DataFrame
    robustness: pd.DataFrame
    settings: PlotParams
    bins: int


def report_data(dataset: Dataset, results: Results, settings: PlotParams, bins: int) -> ReportData:
    """Read all that the figures show, before the first one is drawn.

    Args:
        dataset: data/processed.
        results: of a model that was trained and evaluated on it.
        settings: section `plot` of params.yaml.
        bins: of the reliability diagram.

    Raises:
        DigitsError: a file is missing or damaged.
    """
    # The first image of the raw file is in one of the two splits.
    split = "train" if 0 in dataset.rows("train") else "validation"
    first_image, first_label = (array[np.argmin(dataset.rows(split))] for array in dataset.arrays(split))
    robustness = results.robustness
    assert robustness is not None, "stage evaluate writes it with the other results"
    return ReportData(
        class_names=dataset.class_names,
        first_image=first_image,
        first_label=int(first_label.argmax()),
        train=dataset.arrays("train")[0],
        train_labels=dataset.labels("train"),
        test=dataset.arrays("test")[0],
        training=results.training,
        history=results.history,
        metrics=results.metrics,
        predictions=results.predictions,
        robustness=robustness,
        settings=settings,
        bins=bins,
    )


def _confusion(data: ReportData) -> Figure:
    actual, predicted = (data.predictions[name].to_numpy() for name in ("actual", "predicted"))
    return confusion_figure(actual, predicted, data.class_names)


def _weak_classes(data: ReportData) -> Figure:
    weakest = weak_classes(data.metrics["per_class"])
    labels = [data.class_names.index(name) for name in weakest]
    predictions = data.predictions[data.predictions["actual"].isin(labels)]
    of = f" of the weakest class{'es' if len(weakest) > 1 else ''} {' and '.join(weakest)}"
    return mistakes_figure(data.test, predictions, data.class_names, data.settings.mistakes, of)


def _reliability(data: ReportData) -> Figure:
    return reliability_figure(data.predictions["probability"].to_numpy(), right(data.predictions), data.bins)


# Name of the file in reports/plots → figure.
FIGURES: dict[str, Callable[[ReportData], Figure]] = {
    "first_image": lambda data: first_image_figure(data.first_image, data.class_names[data.first_label]),
    "samples": lambda data: samples_figure(
        data.train, data.train_labels, data.class_names, data.settings.samples_per_class
    ),
    "curves": lambda data: curves_figure(data.history, data.training),
    "confusion": _confusion,
    "mistakes": lambda data: mistakes_figure(data.test, data.predictions, data.class_names, data.settings.mistakes),
    "weak_classes": _weak_classes,
    "per_class": lambda data: per_class_figure(data.metrics["per_class"], data.metrics["macro_f1"]),
    "reliability": _reliability,
    "robustness": lambda data: robustness_figure(data.robustness, len(data.class_names)),
}

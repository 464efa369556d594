"""The list of the report's figures, and the data that they are drawn from."""

from collections.abc import Callable
from dataclasses import dataclass

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
from digits.report.risk_coverage import risk_coverage_figure
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
        results: of a model that was trained and evaluated on them.
        settings: section `plot` of params.yaml.
        bins: of the reliability diagram.
    """

    class_names: list[str]
    first_image: np.ndarray
    first_label: int
    train: Rows
    train_labels: np.ndarray
    test: Rows
    results: Results
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
    # They are kept by `results`.
    _ = results.training, results.history, results.metrics, results.predictions, results.robustness
    return ReportData(
        class_names=dataset.class_names,
        first_image=first_image,
        first_label=int(first_label.argmax()),
        train=dataset.arrays("train")[0],
        train_labels=dataset.labels("train"),
        test=dataset.arrays("test")[0],
        results=results,
        settings=settings,
        bins=bins,
    )


def named_answers(results: Results) -> pd.DataFrame:
    """The columns `actual` and `predicted` of the predictions, with the names of the classes."""
    names = np.array(_class_names(results), dtype=object)
    actual, predicted = _answers(results)
    return pd.DataFrame({"actual": names[actual], "predicted": names[predicted]})


def _confusion(results: Results, bins: int) -> Figure:
    return confusion_figure(*_answers(results), _class_names(results))


def _confusion_rates(results: Results, bins: int) -> Figure:
    return confusion_figure(*_answers(results), _class_names(results), rates=True)


def _per_class(results: Results, bins: int) -> Figure:
    return per_class_figure(results.metrics["per_class"], results.metrics["macro_f1"])


def _reliability(results: Results, bins: int) -> Figure:
    return reliability_figure(results.predictions["probability"].to_numpy(), right(results.predictions), bins)


def _risk_coverage(results: Results, bins: int) -> Figure:
    predictions = results.predictions
    return risk_coverage_figure(predictions["probability"].to_numpy(), right(predictions), results.not_sure_below)


def _robustness(results: Results, bins: int) -> Figure:
    assert results.robustness is not None, "stage evaluate writes it with the other results"
    return robustness_figure(results.robustness, len(_class_names(results)))


def _answers(results: Results) -> tuple[np.ndarray, np.ndarray]:
    """The actual and the predicted label of each test image."""
    return results.predictions["actual"].to_numpy(), results.predictions["predicted"].to_numpy()


def _class_names(results: Results) -> list[str]:
    return list(results.metrics["per_class"])


def _mistakes(data: ReportData) -> Figure:
    return mistakes_figure(data.test, data.results.predictions, data.class_names, data.settings.mistakes)


def _weak_classes(data: ReportData) -> Figure:
    weakest = weak_classes(data.results.metrics["per_class"])
    labels = [data.class_names.index(name) for name in weakest]
    predictions = data.results.predictions
    predictions = predictions[predictions["actual"].isin(labels)]
    of = f" of the weakest class{'es' if len(weakest) > 1 else ''} {' and '.join(weakest)}"
    return mistakes_figure(data.test, predictions, data.class_names, data.settings.mistakes, of)


# Those that need no image. They take the bins of the reliability diagram as well.
OF_RESULTS: dict[str, Callable[[Results, int], Figure]] = {
    "curves": lambda results, bins: curves_figure(results.history, results.training),
    "confusion": _confusion,
    "confusion_rates": _confusion_rates,
    "per_class": _per_class,
    "reliability": _reliability,
    "risk_coverage": _risk_coverage,
    "robustness": _robustness,
}


def _of_results(name: str) -> Callable[[ReportData], Figure]:
    return lambda data: OF_RESULTS[name](data.results, data.bins)


# Name of the file in reports/plots → figure.
FIGURES: dict[str, Callable[[ReportData], Figure]] = {
    "first_image": lambda data: first_image_figure(data.first_image, data.class_names[data.first_label]),
    "samples": lambda data: samples_figure(
        data.train, data.train_labels, data.class_names, data.settings.samples_per_class
    ),
    "mistakes": _mistakes,
    "weak_classes": _weak_classes,
} | {name: _of_results(name) for name in OF_RESULTS}

"""Stage plot: the pictures of the report, from the processed data and the results of train and evaluate.

Run by DVC as `python -m stages.plot`.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from digits import layout, plots, tracking
from digits.card import weak_classes
from digits.errors import DigitsError, one_line_errors
from digits.files import atomic_path, read_json
from digits.params import Params, load_params
from digits.split import Dataset
from digits.style import save_figure


def main() -> None:
    """Draw the pictures, then log them to the model's run."""
    with one_line_errors("plot"):
        params = load_params()
        draw(params)
        client = tracking.connect()
        tracking.log_plots(client, tracking.ensure_run(client, params))


def draw(params: Params) -> None:
    """Read data/processed and reports/; replace reports/plots/ as a whole."""
    dataset = Dataset(layout.PROCESSED)
    names = dataset.class_names
    (train, train_labels), (validation, validation_labels) = dataset.arrays("train"), dataset.arrays("validation")
    test_images, _ = dataset.arrays("test")
    training, test = read_json(layout.TRAINING), read_json(layout.METRICS)["test"]
    history, predictions, robustness = map(_read, (layout.HISTORY, layout.PREDICTIONS, layout.ROBUSTNESS))

    # The first image of the raw file is in one of the two splits.
    rows = dataset.rows("train")
    first = (train, train_labels, rows) if 0 in rows else (validation, validation_labels, dataset.rows("validation"))
    first_image, first_label = (array[np.argmin(first[2])] for array in first[:2])
    actual, predicted, probability = (predictions[name].to_numpy() for name in ("actual", "predicted", "probability"))
    weakest = weak_classes(test["per_class"])
    weak = predictions[predictions["actual"].isin([names.index(name) for name in weakest])]
    of_weakest = f" of the weakest classes {' and '.join(weakest)}"
    figures = {
        "first_image": plots.first_image_figure(first_image, names[first_label.argmax()]),
        "samples": plots.samples_figure(train, train_labels.argmax(axis=1), names, params.plot.samples_per_class),
        "curves": plots.curves_figure(history, training),
        "confusion": plots.confusion_figure(actual, predicted, names),
        "mistakes": plots.mistakes_figure(test_images, predictions, names, params.plot.mistakes),
        "weak_classes": plots.mistakes_figure(test_images, weak, names, params.plot.mistakes, of_weakest),
        "per_class": plots.per_class_figure(test["per_class"], test["macro_f1"]),
        "reliability": plots.reliability_figure(probability, actual == predicted, params.evaluate.calibration_bins),
        "robustness": plots.robustness_figure(robustness, len(names)),
    }
    with atomic_path(layout.PLOTS) as folder:
        for name, figure in figures.items():
            save_figure(figure, folder / f"{name}.png", params.plot.dpi)
    print(f"plot: {len(figures)} pictures in {layout.PLOTS}")


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        raise DigitsError(f"{path} is missing: run `dvc repro` first") from None
    except ValueError as error:
        raise DigitsError(f"{path} cannot be read ({error}): run `dvc repro -f`") from None


if __name__ == "__main__":
    main()

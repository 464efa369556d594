"""Stage plot: the pictures of the report, from the processed data and the results of train and evaluate."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from digits import plots, tracking
from digits.card import weak_classes
from digits.errors import DigitsError, one_line_errors
from digits.files import atomic_path, read_json
from digits.params import Params, load_params
from digits.style import save_figure

DATA = Path("data/processed")
REPORTS = Path("reports")
T = TypeVar("T")


def main() -> None:
    """Draw the pictures, then log them to the model's run."""
    params = load_params()
    draw(params)
    client = tracking.connect()
    tracking.log_plots(client, tracking.ensure_run(client, params))


def draw(params: Params) -> None:
    """Read data/processed and reports/; replace reports/plots/ as a whole."""
    names = read_json(DATA / "dataset.json")["class_names"]
    training = read_json(REPORTS / "training.json")
    test = read_json(REPORTS / "metrics.json")["test"]
    history = _read(pd.read_csv, REPORTS / "history.csv")
    predictions = _read(pd.read_csv, REPORTS / "predictions.csv")
    robustness = _read(pd.read_csv, REPORTS / "robustness.csv")
    images = {split: _read(_images, DATA / f"x_{split}.npy") for split in ("train", "validation", "test")}
    labels = {split: _read(np.load, DATA / f"y_{split}.npy").argmax(axis=1) for split in ("train", "validation")}
    rows = {split: _read(np.load, DATA / f"{split}_rows.npy") for split in ("train", "validation")}

    # The first image of the raw file is in one of the two splits.
    split, first = next((split, int(np.argmin(rows[split]))) for split in rows if 0 in rows[split])
    actual, predicted, probability = (predictions[name].to_numpy() for name in ("actual", "predicted", "probability"))
    weak = predictions[predictions["actual"].isin([names.index(name) for name in weak_classes(test["per_class"])])]
    figures = {
        "first_image": plots.first_image_figure(images[split][first], names[labels[split][first]]),
        "samples": plots.samples_figure(images["train"], labels["train"], names, params.plot.samples_per_class),
        "curves": plots.curves_figure(history, training),
        "confusion": plots.confusion_figure(actual, predicted, names),
        "mistakes": plots.mistakes_figure(images["test"], predictions, names, params.plot.mistakes),
        "weak_classes": plots.mistakes_figure(images["test"], weak, names, params.plot.mistakes),
        "per_class": plots.per_class_figure(test["per_class"], test["macro_f1"]),
        "reliability": plots.reliability_figure(probability, actual == predicted, params.evaluate.calibration_bins),
        "robustness": plots.robustness_figure(robustness, len(names)),
    }
    with atomic_path(REPORTS / "plots") as folder:
        for name, figure in figures.items():
            save_figure(figure, folder / f"{name}.png", params.plot.dpi)
    print(f"plot: {len(figures)} pictures in {REPORTS / 'plots'}")


def _images(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r")


def _read(reader: Callable[[Path], T], path: Path) -> T:
    try:
        return reader(path)
    except FileNotFoundError:
        raise DigitsError(f"{path} is missing: run `dvc repro` first") from None
    except (ValueError, EOFError) as error:
        raise DigitsError(f"{path} cannot be read ({error}): run `dvc repro -f`") from None


if __name__ == "__main__":
    with one_line_errors("plot"):
        main()

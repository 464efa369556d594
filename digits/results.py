"""What is known of one trained model: the files of reports/, read from a folder or a run, each of them once."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, RootModel

from digits import paths
from digits.errors import DigitsError
from digits.files import damaged, missing, read_json

if TYPE_CHECKING:
    import pandas as pd


class _Training(BaseModel):
    epochs: int
    reason: str
    val_accuracy: float
    weights: int


class _Twin(BaseModel):
    images: int
    same_class: int
    max_difference: float


class _Scores(BaseModel):
    precision: float | None
    recall: float | None
    f1: float | None
    support: float


class _Share(BaseModel):
    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float


class _Test(_Share):
    loss: float
    macro_f1: float
    calibration_error: float
    per_class: dict[str, _Scores]


class _Metrics(BaseModel):
    test: _Test
    feedback: _Share | None = None


class _Accepted(BaseModel):
    accepted: float
    error: float


class _Calibration(BaseModel):
    not_sure_below: float
    test: _Accepted


class _Evaluation(BaseModel):
    model_sha256: str
    test_sha256: str
    confidence: float


class _Dataset(BaseModel):
    class_names: list[str]
    train: int
    validation: int
    test: int
    test_sha256: str


class _Validation(BaseModel):
    expectations: int
    failed: int


class _Names(RootModel[list[str]]):
    pass


class _Means(RootModel[dict[str, float]]):
    pass


# What readers need of each file. Other keys may stand beside, and an older version wrote fewer of them.
SHAPES: dict[Path, type[BaseModel]] = {
    paths.TRAINING: _Training,
    paths.TWIN_CHECK: _Twin,
    paths.METRICS: _Metrics,
    paths.CALIBRATION: _Calibration,
    paths.ROBUSTNESS_MEANS: _Means,
    paths.EVALUATION: _Evaluation,
    paths.DATASET: _Dataset,
    paths.VALIDATION_FACTS: _Validation,
}
COLUMNS = {
    paths.HISTORY: ("epoch", "accuracy", "loss", "val_accuracy", "val_loss"),
    paths.PREDICTIONS: ("actual", "predicted", "probability"),
    paths.ROBUSTNESS: ("strength", "n", "accuracy", "low", "high"),
}


def read(path: Path, file: Path | None = None, way_out: str = "", name: str = "") -> Any:
    """The content of one of the JSON files of `digits.paths`.

    Args:
        path: which of them.
        file: where it is, if it is a copy.
        way_out: as in `digits.files.read_json`.
        name: likewise.

    Raises:
        DigitsError: it is missing, or is not what this project writes.
    """
    return read_json(file or path, SHAPES[path], way_out, name)


@dataclass(eq=False)
class Results:
    """One trained model, and what training and evaluation left of it.

    The properties below read their file when they are first used, and keep what they read.

    Attributes:
        name: short; what tables and messages call the model.
        find: gives the file on this disk that stands for a path of `digits.paths`, or None where there is none.
        model_sha256: of the .keras file; empty where nobody knows it.
        params: flat, `train.batch_size`. Values read from MLflow are text.
        tags: of the MLflow run; empty without one.
        run_id: of the MLflow run; empty without one.
        run_name: what people call that run.
        training_seconds: duration of the training; None if nobody measured it.
        labels: other names of the model, such as {"run": …, "version": …, "aliases": …, "experiment": …}.
        way_out: what to do about a file that cannot be read; default is `dvc repro`, which makes those of reports/.
    """

    name: str
    find: Callable[[Path], Path | None]
    model_sha256: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    run_id: str = ""
    run_name: str = ""
    training_seconds: float | None = None
    labels: dict[str, str] = field(default_factory=dict)
    way_out: str = ""

    @property
    def is_evaluated(self) -> bool:
        """Whether the model was measured on test images."""
        return "metrics" in vars(self) or self.find(paths.METRICS) is not None

    @cached_property
    def training(self) -> dict[str, Any]:
        """training.json: epochs, reason of the stop, last metrics, number of weights."""
        return self._json(paths.TRAINING)

    @cached_property
    def history(self) -> pd.DataFrame:
        """history.csv: one row an epoch, with the columns epoch, accuracy, loss, val_accuracy, val_loss."""
        return self._frame(paths.HISTORY)

    @cached_property
    def dataset(self) -> dict[str, Any]:
        """dataset.json: class names, number of images of each split, hash of the test images."""
        return self._json(paths.DATASET)

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """evaluation.json: hashes of the model and its test images, confidence of intervals, bins."""
        return self._json(paths.EVALUATION)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """`test` of metrics.json."""
        return self._json(paths.METRICS)["test"]

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """predictions.csv: one row a test image, with the columns image, actual, predicted, probability."""
        return self._frame(paths.PREDICTIONS)

    @cached_property
    def robustness(self) -> pd.DataFrame | None:
        """robustness.csv: accuracy by change and strength; None for a model from before it was measured."""
        return None if self.find(paths.ROBUSTNESS) is None else self._frame(paths.ROBUSTNESS)

    @cached_property
    def twin(self) -> dict[str, Any] | None:
        """twin.json: how far the answers of the model and its twin are from each other; None for one without a twin."""
        return None if self.find(paths.TWIN_CHECK) is None else self._json(paths.TWIN_CHECK)

    @cached_property
    def not_sure_below(self) -> float | None:
        """The probability under which an answer counts as not sure; None for a model without such a threshold."""
        return None if self.calibration is None else float(self.calibration["not_sure_below"])

    @cached_property
    def prototypes_file(self) -> Path | None:
        """prototypes.npz, see `digits.pictures.prototypes`; None for a model without."""
        return self.find(paths.PROTOTYPES)

    @cached_property
    def calibration(self) -> dict[str, Any] | None:
        """calibration.json: the threshold of "not sure", and what it accepts; None for a model without it."""
        return None if self.find(paths.CALIBRATION) is None else self._json(paths.CALIBRATION)

    @cached_property
    def validation(self) -> dict[str, Any] | None:
        """validation.json: how many expectations of the raw data there were and failed; None where nobody kept it."""
        return None if self.find(paths.VALIDATION_FACTS) is None else self._json(paths.VALIDATION_FACTS)

    @property
    def extra(self) -> list[str]:
        """The further data sets that the model was trained with: `preprocess.extra`."""
        value = self.params.get("preprocess.extra", [])
        return list(ast.literal_eval(value) if isinstance(value, str) else value)

    @cached_property
    def test_sha256(self) -> str:
        """SHA-256 of the test images and labels that the model was measured on."""
        return self.tags.get("test_sha256") or self.evaluation["test_sha256"]

    @cached_property
    def class_names(self) -> list[str] | None:
        """Name of label 0, 1, …, from classes.json beside a model, or else from what it was evaluated or trained on.

        None for a file beside which nothing names its classes.

        Raises:
            DigitsError: classes.json is no list of names.
        """
        if (file := self.find(paths.CLASSES)) is not None:
            # No stage makes it: people bring it with a model.
            return read_json(file, _Names, "write a list of names, one for label 0, 1, …")
        if self.is_evaluated and "per_class" in self.metrics:
            return list(self.metrics["per_class"])
        has_dataset = "dataset" in vars(self) or self.find(paths.DATASET) is not None
        return self.dataset["class_names"] if has_dataset else None

    def names_of(self, classes: int) -> list[str]:
        """The names of a model's classes: the labels themselves where nothing names them.

        Args:
            classes: how many probabilities the model gives.

        Raises:
            DigitsError: there are more or fewer names.
        """
        names = self.class_names
        if names is None:
            return [str(label) for label in range(classes)]
        if len(names) != classes:
            file = self.find(paths.CLASSES)
            where = f"{file} has" if file else "what it was evaluated on has"
            raise DigitsError(f"{self.name} tells {classes} classes apart, but {where} {len(names)} names")
        return names

    def scored_anew(self, metrics: dict[str, Any], predictions: pd.DataFrame, test_sha256: str) -> Results:
        """The same model with its scores on other test images."""
        other = copy.copy(self)
        vars(other).update(metrics=metrics, predictions=predictions, test_sha256=test_sha256)
        return other

    def _json(self, path: Path) -> Any:
        return read(path, self._file(path), self.way_out, self._called(path))

    def _frame(self, path: Path) -> pd.DataFrame:
        import pandas as pd
        from pandas.api.types import is_numeric_dtype

        name = self._called(path) or path
        try:
            frame = pd.read_csv(self._file(path))
        except (ValueError, OverflowError) as error:
            raise damaged(name, error, self.way_out) from None
        for column in COLUMNS[path]:
            if column not in frame or not is_numeric_dtype(frame[column]) or frame[column].isna().any():
                raise damaged(name, f"column {column} does not have a number in each row", self.way_out)
        if frame.empty:
            raise damaged(name, "it has no row", self.way_out)
        return frame

    def _called(self, path: Path) -> str:
        """What messages call a file: a copy may lie in a temporary folder."""
        return f"{path.name} of {self.name}" if self.way_out else ""

    def _file(self, path: Path) -> Path:
        file = self.find(path)
        if file is None:
            missing = "was never evaluated" if path not in (paths.TRAINING, paths.HISTORY) else "was not trained"
            raise DigitsError(f"{self.name} has no {path.name}, it {missing} to the end: run `dvc repro`")
        return file


def working_copy() -> Results:
    """The results of models/model.keras, from the files of the current folder."""

    def find(path: Path) -> Path | None:
        if path.is_file():
            return path
        # No stage makes it.
        if path == paths.CLASSES:
            return None
        raise missing(path)

    return Results(str(paths.MODEL), find)

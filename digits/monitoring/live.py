"""The images that a model served, from a log, and those that it was validated on."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from digits import paths
from digits.data.dataset import Dataset
from digits.errors import DigitsError
from digits.monitoring.drift import describe
from digits.pictures.read import threshold_of
from digits.serving.journal import read_log
from digits.serving.labels import Label, read_labels

if TYPE_CHECKING:
    from digits.params import Params
    from digits.registry.model import Model


@dataclass(frozen=True, eq=False)
class Observed:
    """Images, and what a model read.

    Attributes:
        columns: from `digits.monitoring.drift.describe`.
        labels: int (n,), the true classes; -1 where nobody has said it, -2 for what is no digit.
    """

    columns: dict[str, np.ndarray]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def right(self) -> np.ndarray:
        """Bool (n,), whether the answer is the label."""
        return self.columns["digit"] == self.labels


def live_images(folder: Path, model: Model, days: float | None = None) -> Observed:
    """What a model served according to a log.

    Args:
        folder: of the log.
        model: the model, by its bytes.
        days: how far back; None for all.

    Raises:
        DigitsError: the log is missing or damaged, or has no row of this model, with the models that it has rows of.
    """
    since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days) if days else None
    labels = read_labels(folder)
    threshold = threshold_of(model.results)
    parts: list[dict[str, np.ndarray]] = []
    said: list[int] = []
    others: Counter[str] = Counter()
    for table in read_log(folder):
        # A file of a day is in memory at a time, and of its images their features alone are kept.
        rows = [row for row in table.to_pylist() if since is None or row["time"] >= since]
        others.update(row["model_sha256"] for row in rows)
        rows = [row for row in rows if row["model_sha256"] == model.sha256]
        if not rows:
            continue
        pixels = np.stack([np.frombuffer(row["pixels"], np.uint8).reshape(row["side"], -1) for row in rows])
        parts.append(describe(pixels, np.array([row["probabilities"] for row in rows], np.float32), threshold))
        said += [_label(row["id"], labels) for row in rows]
    if not parts:
        raise DigitsError(f"{folder}: no answer of {model.title}{_of_late(days)}{_instead(others)}")
    return Observed({name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, np.array(said))


def validation_images(model: Model, params: Params) -> Observed:
    """The validation images, read by a model that was trained beside them.

    Args:
        model: the model.
        params: those that data/processed were made with.

    Raises:
        DigitsError: data/processed are not those of the model, are divided otherwise, or are missing.
    """
    from digits.model.classifier import load_classifier

    dataset = Dataset(paths.PROCESSED)
    if dataset.facts["test_sha256"] != model.results.test_sha256:
        raise DigitsError(
            f"{paths.PROCESSED}: the images are not those that {model.title} was trained on; `digits lineage "
            f"{model.name}` names its commit: check that out, then `dvc checkout`"
        )
    # Otherwise some of these images would be among those that it was trained on.
    split = {f"preprocess.{key}": str(getattr(params.preprocess, key)) for key in ("validation_split", "split", "seed")}
    trained = model.results.params
    if other := [f"{key}={trained[key]}" for key in split if str(trained.get(key, split[key])) != split[key]]:
        raise DigitsError(
            f"{paths.PROCESSED}: other images are kept for validation than {model.title} had ({', '.join(other)}): set "
            f"that in {paths.PARAMS}, then `dvc repro preprocess`"
        )
    images = np.asarray(dataset.arrays("validation")[0])
    probabilities = load_classifier(model.file())(images, params.evaluate.batch_size)
    return Observed(describe(images, probabilities, threshold_of(model.results)), dataset.labels("validation"))


def _label(row: str, labels: dict[str, Label]) -> int:
    if row not in labels:
        return -1
    label = labels[row].label
    return -2 if label is None else label


def _of_late(days: float | None) -> str:
    return f" in the last {days:g} days" if days else ""


def _instead(others: Counter[str]) -> str:
    if not others:
        return ""
    seen = ", ".join(f"{sha256[:12]}… ({count:,})" for sha256, count in others.most_common(3))
    return f"; there are answers of models {seen}: name one of them with --model"

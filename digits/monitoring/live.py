"""The images that a model served, from a log, and those that it was validated on."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import compute

from digits import paths
from digits.data.dataset import Dataset
from digits.errors import DigitsError
from digits.monitoring.drift import describe
from digits.monitoring.strangest import Extremes
from digits.pictures.read import threshold_of
from digits.serving.journal import read_log
from digits.serving.labels import read_said

if TYPE_CHECKING:
    from digits.params import Params
    from digits.registry.model import Model

# In place of a label.
_UNKNOWN, _NO_DIGIT = -1, -2


@dataclass(frozen=True, eq=False)
class Observed:
    """Images, and what a model read.

    Attributes:
        columns: from `digits.monitoring.drift.describe`.
        labels: int (n,), the true classes; -1 where nobody has said it, -2 for what is no digit.
        at_random: bool (n,), whether the image was chosen at random to be labelled; None: none was.
    """

    columns: dict[str, np.ndarray]
    labels: np.ndarray
    at_random: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def right(self) -> np.ndarray:
        """Bool (n,), whether the answer is the label."""
        return self.columns["digit"] == self.labels


@dataclass(frozen=True, eq=False, kw_only=True)
class Served(Observed):
    """What a model served.

    Attributes:
        first: when the first image was.
        last: when the last one was.
        extremes: the images themselves, of a few.
    """

    first: datetime.datetime
    last: datetime.datetime
    extremes: Extremes


def live_images(folder: Path, model: Model, params: Params, days: float | None = None) -> Served:
    """What a model served according to a log, read some thousand rows at a time.

    Args:
        folder: of the log.
        model: the model, by its bytes.
        params: section `validate` is used.
        days: how far back; None for all.

    Raises:
        DigitsError: the log is missing or damaged, or has no row of this model, with the models that it has rows of.
    """
    since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days) if days else None
    rows, labels, at_random = _labels(folder)
    threshold, bounds = threshold_of(model.results), params.validate_.each.model_dump()
    parts: list[dict[str, np.ndarray]] = []
    places: list[np.ndarray] = []
    times: list[datetime.datetime] = []
    others: Counter[str] = Counter()
    extremes = Extremes()
    for table in read_log(folder, columns=("id", "time", "model_sha256", "side", "pixels", "probabilities")):
        if since is not None:
            table = table.filter(compute.greater_equal(table["time"], pa.scalar(since, table["time"].type)))
        others.update({one["values"]: one["counts"] for one in table["model_sha256"].value_counts().to_pylist()})
        table = table.filter(compute.equal(table["model_sha256"], model.sha256)).combine_chunks()
        if not len(table):
            continue
        pixels, probabilities = _arrays(table, folder)
        parts.append(describe(pixels, probabilities, threshold, bounds))
        extremes.add(parts[-1], pixels)
        places.append(compute.index_in(table["id"], rows).fill_null(-1).to_numpy())
        times += compute.min_max(table["time"]).as_py().values()
    if not parts:
        raise DigitsError(f"{folder}: no answer of {model.title}{_of_late(days)}{_instead(others)}")
    columns = {name: np.concatenate([part.pop(name) for part in parts]) for name in list(parts[0])}
    said = np.concatenate(places)
    return Served(columns, labels[said], at_random[said], first=min(times), last=max(times), extremes=extremes)


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
    bounds = params.validate_.each.model_dump()
    columns = describe(images, probabilities, threshold_of(model.results), bounds)
    return Observed(columns, dataset.labels("validation"))


def _labels(folder: Path) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """Of the rows of which a person said what they are: ids, labels, and whether they were chosen at random.

    The last two have one more at the end, for all other rows.
    """
    # Whoever drew an image that was also chosen at random may have labelled it later.
    labels = {
        row: ([label for label in said if label.chosen == "random"] or said)[-1]
        for row, said in read_said(folder).items()
        if said
    }
    known = [_NO_DIGIT if label.label is None else label.label for label in labels.values()]
    at_random = [label.chosen == "random" for label in labels.values()]
    return pa.array(labels, pa.string()), np.array([*known, _UNKNOWN], np.int32), np.array([*at_random, False])


def _arrays(table: pa.Table, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images and probabilities of some rows.

    Raises:
        DigitsError: they are not of one size, which no model writes.
    """
    side = table["side"][0].as_py()
    try:
        pixels = table["pixels"].combine_chunks().cast(pa.binary(side * side))
        bytes_of_all = np.frombuffer(pixels.buffers()[1], np.uint8)
        probabilities = table["probabilities"].combine_chunks().flatten().to_numpy()
        return bytes_of_all.reshape(len(table), side, side), probabilities.reshape(len(table), -1)
    except (pa.ArrowInvalid, ValueError):
        raise DigitsError(
            f"{folder}: images of one model, {table['model_sha256'][0]}, are of different sizes: no server wrote that; "
            "move the files of that day away"
        ) from None


def _of_late(days: float | None) -> str:
    return f" in the last {days:g} days" if days else ""


def _instead(others: Counter[str]) -> str:
    if not others:
        return ""
    seen = ", ".join(f"{sha256[:12]}… ({count:,})" for sha256, count in others.most_common(3))
    return f"; there are answers of models {seen}: name one of them with --model"

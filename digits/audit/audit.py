"""The audit of the labels: what was found in each split, and the accuracy with and without the doubtful test labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from digits.audit.cross_fit import cross_fit
from digits.audit.doubts import accuracy_without, doubtful
from digits.data.raw import Split
from digits.data.split import to_categorical
from digits.params import Params


@dataclass(frozen=True, eq=False)
class Audit:
    """What was found.

    Attributes:
        folds: how many trainings there were.
        images: how many images each split has.
        doubts: for each split the table of `digits.audit.doubts.doubtful`.
        accuracies: of the cross-fitted networks, and of the model if there is one, by name: on `all` test images,
            without those that are errors by confident learning (`issues`) and without all doubtful labels (`doubtful`).
    """

    folds: int
    images: dict[str, int]
    doubts: dict[str, pd.DataFrame]
    accuracies: dict[str, dict[str, dict[str, float]]]

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        doubts = {split: found.to_dict("records") for split, found in self.doubts.items()}
        return {"folds": self.folds, "images": self.images, "accuracies": self.accuracies, "doubts": doubts}


def upright(splits: dict[str, Split], transpose: bool) -> dict[str, Split]:
    """The splits with their images in memory, rows and columns swapped if `transpose` says so."""
    order = (0, 2, 1) if transpose else (0, 1, 2)
    return {
        name: Split(np.ascontiguousarray(np.asarray(split.images).transpose(order)), split.labels)
        for name, split in splits.items()
    }


def audit(
    params: Params,
    splits: dict[str, Split],
    folds: int,
    classify: Callable[[np.ndarray], np.ndarray] | None,
    on_fold: Callable[[int, float], None],
) -> Audit:
    """Find the labels that networks contradict which never saw the images. Nothing is relabelled.

    Args:
        params: section `train` says how the networks are trained, `preprocess` names the classes.
        splits: `train` and `test`, the images upright.
        folds: how many trainings, at least 2.
        classify: the model whose accuracy is wanted, from uint8 (n, side, side) to probabilities; None for none.
        on_fold: as for `digits.audit.cross_fit.cross_fit`.

    Raises:
        DigitsError: as `cross_fit`.
    """
    for split in splits.values():
        to_categorical(split.labels, len(params.preprocess.class_names))
    train, test = splits.values()
    seen, unseen = cross_fit(params.train, train, test, params.preprocess.class_names, folds, on_fold)
    doubts = {"train": doubtful(train.labels, seen), "test": doubtful(test.labels, unseen)}
    answers = {"networks": unseen} | ({"model": classify(np.asarray(test.images))} if classify else {})
    found = doubts["test"]
    without = {"all": found[:0], "issues": found[found["issue"]], "doubtful": found}
    accuracies = {
        name: {
            what: accuracy_without(probabilities.argmax(axis=1) == test.labels, rows["row"].to_numpy())
            for what, rows in without.items()
        }
        for name, probabilities in answers.items()
    }
    return Audit(folds, {name: len(split.labels) for name, split in splits.items()}, doubts, accuracies)

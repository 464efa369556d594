"""Trained models without files: results whose mistakes are known image by image."""

import copy
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from digits.evaluation.scores import score
from digits.results import Results

N = 2000
NAMES = ["circle", "square", "star", "cross"]
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 28, 28), dtype=np.uint8)


def results(name: str, **facts: Any) -> Results:
    """Results that read no file: `facts` are attributes, and contents of files by the names of the properties."""
    attributes = {field.name for field in fields(Results)}
    model = Results(name, find=lambda path: None, **{key: facts[key] for key in attributes & facts.keys()})
    return changed(model, **{key: fact for key, fact in facts.items() if key not in attributes})


def changed(model: Results, **facts: Any) -> Results:
    """A copy with other facts."""
    other = copy.copy(model)
    vars(other).update(facts)
    return other


def trained(
    name: str,
    wrong: Iterable[int] = (),
    answer: int = 1,
    params: dict[str, Any] | None = None,
    seconds: float | None = 100.0,
    test: str = "test data",
    labels: dict[str, str] | None = None,
    sure: float = 0.9,
) -> Results:
    """A model that errs on the images `wrong`, each time by `answer` classes; label of image i is i modulo 4."""
    actual = np.arange(N) % len(NAMES)
    predicted = actual.copy()
    predicted[list(wrong)] = (actual[list(wrong)] + answer) % len(NAMES)
    probabilities = np.full((N, len(NAMES)), (1 - sure) / (len(NAMES) - 1), np.float32)
    probabilities[np.arange(N), predicted] = sure
    epochs = np.arange(1, 4)
    return results(
        name,
        params={"train.seed": 42, "train.learning_rate": 0.001} | (params or {}),
        metrics=score(actual, probabilities, NAMES, 0.95, 15),
        history=pd.DataFrame(
            {"epoch": epochs, "accuracy": 0.9, "loss": 0.3, "val_accuracy": 1 - 0.1 / epochs, "val_loss": 0.1 / epochs}
        ),
        training={"val_accuracy": 1 - 0.1 / 3},
        predictions=pd.DataFrame({"image": range(N), "actual": actual, "predicted": predicted, "probability": sure}),
        training_seconds=seconds,
        run_id=f"run of {name}",
        model_sha256=f"model of {name}",
        test_sha256=test,
        labels=labels or {},
    )


FIRST = trained("first", range(60), labels={"version": "1", "aliases": "champion"})
BETTER = trained("better", range(20), params={"train.learning_rate": 0.002}, labels={"experiment": "funny-bird"})
ALIKE = trained("alike", range(5, 66), params={"train.batch_size": 64}, seconds=None)
WORSE = trained("worse", range(20, 120), params={"train.learning_rate": 0.1}, seconds=4000.0)
ELSEWHERE = trained("elsewhere", test="other data")
ALL = [FIRST, BETTER, ALIKE, WORSE, ELSEWHERE]

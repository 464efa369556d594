"""Images and predictions that several figures are drawn from, and a working copy before stage plot."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.figures import HISTORY, STOPPED, per_class
from support.project import copy_code
from support.reports import DATASET, EVALUATION, TEST, TRAINING


@pytest.fixture(scope="session")
def predictions():
    rng = np.random.default_rng(1)
    actual = rng.integers(0, 10, 3000)
    predicted = np.where(rng.random(3000) < 0.97, actual, rng.integers(0, 10, 3000))
    probability = rng.uniform(0.3, 1, 3000)
    return pd.DataFrame(
        {"image": range(3000), "actual": actual, "predicted": predicted, "probability": probability},
    )


@pytest.fixture(scope="session")
def images():
    return np.random.default_rng(2).integers(0, 256, (3000, 28, 28), dtype=np.uint8)


@pytest.fixture
def project(tmp_path, images, predictions):
    """A working copy as evaluate leaves it, with 3 classes and 60 images."""
    copy_code(tmp_path)
    names = ["T-shirt/top", "Trouser", "Ankle boot"]
    data, reports = tmp_path / "data/processed", tmp_path / "reports"
    data.mkdir()
    reports.mkdir()
    labels = np.arange(60) % 3
    # Row 0 of the raw file is in the validation split.
    rows = {"train": np.arange(60)[np.arange(60) % 4 != 0], "validation": np.arange(0, 60, 4)}
    for split, chosen in (rows | {"test": np.arange(20)}).items():
        np.save(data / f"x_{split}.npy", images[chosen])
        np.save(data / f"y_{split}.npy", np.eye(3, dtype=np.float32)[labels[chosen]])
    for split, chosen in rows.items():
        np.save(data / f"{split}_rows.npy", chosen)
    (data / "dataset.json").write_text(json.dumps({**DATASET, "class_names": names}))
    frame = predictions.head(20).copy()
    frame["actual"], frame["predicted"] = labels[:20], np.roll(labels[:20], 5)
    frame.to_csv(reports / "predictions.csv", index=False)
    (reports / "evaluation.json").write_text(json.dumps(EVALUATION))
    accepted = {"accepted": 0.9, "error": 0.001}
    (reports / "calibration.json").write_text(json.dumps({"not_sure_below": 0.75, "test": accepted}))
    (reports / "validation").mkdir()
    (reports / "validation/validation.json").write_text(json.dumps({"expectations": 38, "failed": 0}))
    Image.fromarray(images[0]).save(reports / "validation/validation.png")
    HISTORY.to_csv(reports / "history.csv", index=False)
    (reports / "training.json").write_text(json.dumps({**TRAINING, **STOPPED}))
    test = {**TEST, "per_class": per_class(frame, names), "macro_f1": 0.3}
    (reports / "metrics.json").write_text(json.dumps({"test": test}))
    rows = [("none", 0, 0.9), ("shift", 1, 0.8), ("shift", 2, 0.6), ("picture", 0, 0.9), ("load_digits", 0, 0.7)]
    table = pd.DataFrame(rows, columns=["perturbation", "strength", "accuracy"])
    table.assign(n=20, low=table["accuracy"] - 0.1, high=table["accuracy"] + 0.1, drop=0.9 - table["accuracy"]).to_csv(
        reports / "robustness.csv", index=False
    )
    return tmp_path

"""The files of reports/ as the stages write them, of a small made-up model."""

import json
from pathlib import Path

import numpy as np

from digits import paths
from digits.pictures.prototypes import Prototypes, save_prototypes

_SCORES = {"precision": 1.0, "recall": 0.9, "f1": 0.95, "support": 2}
TEST = {
    "n": 4,
    "accuracy": 0.9907,
    "accuracy_low": 0.98,
    "accuracy_high": 1.0,
    "loss": 0.0277,
    "macro_f1": 0.95,
    "calibration_error": 0.01,
    "per_class": {"cat": _SCORES, "dog": _SCORES},
}
TRAINING = {
    "epochs": 2,
    "stopped": False,
    "reason": "enough",
    "monitor": "accuracy",
    "threshold": 0.98,
    "accuracy": 0.75,
    "loss": 0.5,
    "val_accuracy": 0.8,
    "val_loss": 0.4,
    "weights": 225034,
}
TWIN = {"images": 5, "same_class": 5, "max_difference": 1e-06}
DATASET = {"class_names": ["cat", "dog"], "train": 2, "validation": 1, "test": 4, "test_sha256": "of the data"}
EVALUATION = {
    "model_sha256": "of the model",
    "test_sha256": "from the file",
    "confidence": 0.95,
    "calibration_bins": 15,
}
_ACCEPTED = {"n": 4, "accepted": 0.9, "error": 0.001}
_OBJECTS = {
    paths.TRAINING: TRAINING,
    paths.TWIN_CHECK: TWIN,
    paths.DATASET: DATASET,
    paths.EVALUATION: EVALUATION,
    paths.METRICS: {"test": TEST},
    paths.CALIBRATION: {"not_sure_below": 0.75, "validation": _ACCEPTED, "test": _ACCEPTED},
    paths.ROBUSTNESS_MEANS: {"none": 1.0, "shift": 0.5},
}
# As files: their text by their path.
REPORTS: dict[Path, str] = {path: json.dumps(value, indent=2) + "\n" for path, value in _OBJECTS.items()} | {
    paths.HISTORY: "epoch,accuracy,loss,val_accuracy,val_loss\n1,0.5,1.5,0.6,1.25\n2,0.75,0.5,0.8,0.4\n",
    paths.PREDICTIONS: "image,actual,predicted,probability\n0,1,1,0.875\n1,0,1,0.5\n",
    paths.ROBUSTNESS: "perturbation,strength,n,accuracy,low,high,drop\nnone,0.0,2,1.0,0.34,1.0,0.0\n"
    "shift,1.0,2,0.5,0.1,0.9,0.5\n",
}


def write_reports(folder: Path = Path()) -> None:
    """Write all of them below a folder."""
    for path, text in REPORTS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    # Of two classes: not a text.
    save_prototypes(Prototypes(np.zeros((2, 1, 196), np.uint8), np.full(2, np.inf)), folder / paths.PROTOTYPES)

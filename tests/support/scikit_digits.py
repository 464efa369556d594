"""scikit-learn's digits as raw data: real handwriting that is not MNIST, and what `validate` expects of it."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from digits.data.idx import format_idx
from digits.data.raw import FILES, Split
from digits.params import ValidateParams

TRAIN, TEST = 1400, 397
# As in params.yaml: the values of these 1,797 images, and a margin.
SECTION: dict[str, Any] = {
    "side": 28,
    "images": {"train": TRAIN, "test": TEST},
    "class_shares": [0.1] * 10,
    "class_tolerance": 0.01,  # largest: 0.0036
    "max_duplicates": 0.0,
    "max_leaks": 0.0,
    "min_agreement": 0.8,  # 0.918, 0.856
    "each": {
        "min": [0, 0],
        "max": [200, 255],  # 224 to 255
        "mean": [25, 90],  # 34 to 79
        "area": [0.15, 0.55],  # 0.18 to 0.48
        "x": [9, 18],  # 10.7 to 17.0
        "y": [9, 18],  # 10.0 to 17.0
        "width": [6, 24],  # 6 to 24
        "height": [24, 24],
    },
    "average": {
        "mean": [55, 60],  # 57.4, 57.2
        "area": [0.35, 0.4],  # 0.376, 0.372
        "x": [13.4, 14],  # 13.72, 13.63
        "y": [13.2, 13.7],  # 13.45, 13.43
    },
}


def section(**changes: Any) -> ValidateParams:
    """SECTION with some keys changed."""
    return ValidateParams.model_validate({**SECTION, **changes})


def read_digits() -> dict[str, Split]:
    """The splits. Each pixel of the 8×8 pictures becomes 3×3, within a margin of 2: 28×28, light on dark."""
    digits = load_digits()
    large = np.pad(np.kron(digits.images, np.ones((1, 3, 3))), ((0, 0), (2, 2), (2, 2)))
    images, labels = np.minimum(large * 16, 255).astype(np.uint8), digits.target.astype(np.uint8)
    return {"train": Split(images[:TRAIN], labels[:TRAIN]), "test": Split(images[TRAIN:], labels[TRAIN:])}


def with_twin_blanks(splits: dict[str, Split]) -> dict[str, Split]:
    """The splits with training images 7 and 9 blank, on which 6 expectations fail."""
    images = splits["train"].images.copy()
    images[[7, 9]] = 0
    return {**splits, "train": Split(images, splits["train"].labels)}


def write_raw(folder: Path, splits: dict[str, Split]) -> None:
    """Write the four files of data/raw."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, files in FILES.items():
        for file, array in zip(files, splits[name], strict=True):
            (folder / file).write_bytes(format_idx(array))

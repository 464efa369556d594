"""Images of the sample in files, as data/processed has them: what several processes read."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from digits.arrays import StoredArray, open_npy


def store_sample(sample: SimpleNamespace, folder: Path, train: int = 800) -> list[tuple[StoredArray, StoredArray]]:
    """Images and one-hot labels: the first ones to train on, the rest of the training images to validate on."""
    one_hot = np.eye(10, dtype=np.float32)[sample.y_train]
    found = []
    for name, part in (("train", slice(train)), ("validation", slice(train, None))):
        for letter, array in (("x", sample.x_train), ("y", one_hot)):
            np.save(folder / f"{letter}_{name}.npy", array[part])
        found.append((open_npy(folder / f"x_{name}.npy"), open_npy(folder / f"y_{name}.npy")))
    return found

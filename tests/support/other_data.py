"""Other data than MNIST: written as IDX files, and pasted into parameters as `digits propose` prints them."""

from pathlib import Path
from typing import Any

import numpy as np
from support.sample import read_sample

from digits.data.idx import format_idx
from digits.data.raw import FILES, Split


def write_idx(folder: Path, splits: dict[str, Split]) -> None:
    """The four files, under MNIST's names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, split in splits.items():
        for file, array in zip(FILES[name], split, strict=True):
            (folder / file).write_bytes(format_idx(array))


def emnist_like() -> dict[str, Split]:
    """The sample with a margin, 32×32, and labels from 1 to 10: label 0 is of no image, as in EMNIST's letters."""
    sample = read_sample()
    pairs = {"train": (sample.x_train, sample.y_train), "test": (sample.x_test, sample.y_test)}
    margin = ((0, 0), (2, 2), (2, 2))
    return {name: Split(np.pad(images, margin), labels + 1) for name, (images, labels) in pairs.items()}


def paste(raw: dict[str, Any], proposal: dict[str, Any]) -> dict[str, Any]:
    """Put proposed values in the place of those of the same keys, as a person does. The keys must be there."""
    for key, value in proposal.items():
        assert key in raw, key
        if isinstance(value, dict):
            paste(raw[key], value)
        else:
            raw[key] = value
    return raw

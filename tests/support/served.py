"""Rows for a log of what was served, and what stands in one."""

import datetime
import re
from pathlib import Path
from typing import Any

import numpy as np

from digits.serving.journal import read_log
from digits.serving.log import ServedLog

SIDE = 4


def images(count: int, seed: int = 0) -> np.ndarray:
    """Random images."""
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE), np.uint8)


def chances(count: int, seed: int = 0) -> np.ndarray:
    """Random probabilities of three classes."""
    drawn = np.random.default_rng(seed).random((count, 3), np.float32)
    return drawn / drawn.sum(axis=1, keepdims=True)


def add(log: ServedLog, count: int = 3, seed: int = 0) -> list[str]:
    """Log a request; returns the ids of its rows."""
    return log.add("ab" * 32, "7", images(count, seed), chances(count, seed), [True] * count, 1.5)


def rows(folder: Path, kind: str = "rows") -> list[dict[str, Any]]:
    """All that a log has."""
    return [row for table in read_log(folder, kind) for row in table.to_pylist()]


def names(folder: Path) -> list[str]:
    """The kinds of files in a folder, but for the random part of their names."""
    return sorted(re.sub(r"\.\d{12}-[0-9a-f]{6}\.", ".", path.name) for path in folder.iterdir())


def today() -> str:
    """As in the names of files."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()

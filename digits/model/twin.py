"""The fast twin of a model: the same network in LiteRT's format, for machines and commands without TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from digits import paths
from digits.arrays import Rows
from digits.files import atomic_path, sha256_file

if TYPE_CHECKING:
    import keras

    Classify = Callable[[Rows], np.ndarray]

# The first bytes after the root's offset.
_IDENTIFIER = b"TFL3"


def save_twin(model: keras.Model, path: Path | str, model_sha256: str) -> None:
    """Write the twin of a model, atomically. The same model gives the same bytes.

    Args:
        model: from uint8 (n, side, side) to probabilities.
        path: of the `.tflite` file.
        model_sha256: of its `.keras` file. It becomes the twin's description, see `origin`.
    """
    import flatbuffers
    from ai_edge_litert.schema_py_generated import ModelT

    with atomic_path(path) as part:
        model.export(part, format="litert", verbose=False)
        twin = ModelT.InitFromPackedBuf(part.read_bytes(), 0)
        twin.description = model_sha256
        builder = flatbuffers.Builder()
        builder.Finish(twin.Pack(builder), _IDENTIFIER)
        part.write_bytes(builder.Output())


def origin(path: Path | str) -> str:
    """SHA-256 of the `.keras` file whose twin a `.tflite` file is; empty where the file does not say, or is torn."""
    import flatbuffers.encode
    import flatbuffers.packer
    import flatbuffers.table

    content = Path(path).read_bytes()
    if content[4:8] != _IDENTIFIER:
        return ""
    try:
        table = flatbuffers.table.Table(content, flatbuffers.encode.Get(flatbuffers.packer.uoffset, content, 0))
        # Field 3 of table Model in TensorFlow's schema.fbs. Importing the schema would take longer than a prediction.
        offset = table.Offset(4 + 2 * 3)
        return table.String(table.Pos + offset).decode(errors="replace") if offset else ""
    # The offsets of a torn file lead beyond its end.
    except struct.error:
        return ""


def twin_beside(file: Path) -> Path | None:
    """The twin that lies beside a `.keras` file; None where there is none, or that of another model."""
    twin = file.with_name(paths.TWIN.name)
    return twin if twin.is_file() and origin(twin) == sha256_file(file) else None


def agreement(model: Classify, twin: Classify, splits: Sequence[Rows]) -> dict[str, int | float]:
    """How far the answers of a model and of its twin are from each other.

    Args:
        model: pixels uint8 (n, side, side) to probabilities float32 (n, classes).
        twin: likewise.
        splits: arrays of images. Their labels are not needed.

    Returns:
        `images`, how many were compared; `same_class`, to how many both give the highest probability for the same
        class; `max_difference`, the largest difference of a probability.
    """
    same, largest = 0, 0.0
    for images in splits:
        ours, its = model(images), twin(images)
        same += int((ours.argmax(axis=1) == its.argmax(axis=1)).sum())
        largest = max(largest, float(np.abs(ours - its).max()))
    return {"images": sum(map(len, splits)), "same_class": same, "max_difference": round(largest, 6)}

"""The predictions of one shard: some images in, one Parquet file out, the same bytes by whichever worker."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from digits.batch.source import Images, Source
from digits.errors import DigitsError
from digits.files import atomic_path, sha256_file
from digits.pictures.file import PictureError, load_picture
from digits.pictures.read import Prediction, Reader, doubts, predict

if TYPE_CHECKING:
    import pyarrow as pa

# Images that the model takes at once. The last bits of a probability depend on it.
BATCH = 500
# The key of a file's metadata that says what it was made of.
_KEY = b"digits"


@dataclass(frozen=True)
class BatchModel:
    """A model as another process needs it. All is in files that the process can read.

    Attributes:
        file: the .keras file, its twin beside it.
        sha256: of that file.
        version: what people call it.
        class_names: name of label 0, 1, …
        not_sure_below: the threshold; None for a model without such a one.
        prototypes_file: its typical images; None for a model without.
    """

    file: Path
    sha256: str
    version: str
    class_names: tuple[str, ...]
    not_sure_below: float | None
    prototypes_file: Path | None

    def names_of(self, classes: int) -> list[str]:
        """The names of the classes. That they are as many as the model's was checked before."""
        return list(self.class_names)


@dataclass(frozen=True)
class Shard:
    """A part of a source, and where its predictions go."""

    source: Source
    start: int
    stop: int
    model: BatchModel
    file: Path

    def __str__(self) -> str:
        return f"{self.source.path} from {self.start:,} to {self.stop - 1:,}"


class Done(NamedTuple):
    """The predictions of a shard.

    Attributes:
        file: name of the Parquet file.
        start: number of its first item in the source.
        stop: number behind its last one.
        rows: how many digits it has.
        sure: how many of them are sure.
        unread: items that could not be read.
        input_sha256: of the raw pixels, or of the pictures' files.
        sha256: of the Parquet file.
        was_there: whether an earlier call made it.
    """

    file: str
    start: int
    stop: int
    rows: int
    sure: int
    unread: int
    input_sha256: str
    sha256: str
    was_there: bool


def process(shard: Shard) -> Done:
    """Write the predictions of a shard, unless they are there already, of the same images by the same model.

    Raises:
        DigitsError: the images are not of the model's size, or a file cannot be read.
    """
    source = shard.source
    if isinstance(source, Images):
        pixels = source.read(shard.start, shard.stop)
        inputs = hashlib.sha256(pixels.data).hexdigest()
        table = functools.partial(_images_table, pixels, shard)
    else:
        files = [source.path / file for file in source.files[shard.start : shard.stop]]
        inputs = hashlib.sha256("".join(map(sha256_file, files)).encode()).hexdigest()
        table = functools.partial(_pictures_table, files, shard)
    wanted = {
        "model_sha256": shard.model.sha256,
        "start": shard.start,
        "stop": shard.stop,
        "input_sha256": inputs,
    }
    counts = made_of(shard.file)
    was_there = counts is not None and {**counts, **wanted} == counts
    if counts is None or not was_there:
        counts = _write(table(), wanted, shard.file)
    return Done(
        shard.file.name,
        shard.start,
        shard.stop,
        counts["rows"],
        counts["sure"],
        counts["unread"],
        inputs,
        sha256_file(shard.file),
        was_there,
    )


def made_of(file: Path) -> dict[str, Any] | None:
    """What a file of predictions says that it was made of; None for one that is not there.

    Raises:
        DigitsError: it is something else.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(file).metadata or {}
        return json.loads(metadata[_KEY])
    except FileNotFoundError:
        return None
    except (pa.ArrowInvalid, KeyError, ValueError):
        raise DigitsError(f"{file} is no file of predictions: move it away, or name another folder") from None


def load_reader(model: BatchModel) -> Reader:
    """What reads images with a model. Each process loads a model once."""
    return _reader(model)


@functools.lru_cache(maxsize=1)
def _reader(model: BatchModel) -> Reader:
    from digits.model.classifier import load_classifier

    return Reader.of(load_classifier(model.file, threads=1), model)


def _write(table: pa.Table, wanted: dict[str, Any], file: Path) -> dict[str, Any]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    counts = wanted | {
        "rows": table.num_rows - table["digit"].null_count,
        "sure": pc.sum(table["sure"]).as_py() or 0,
        "unread": pc.sum(table["unread"]).as_py() or 0 if "unread" in table.column_names else 0,
    }
    table = table.replace_schema_metadata({_KEY: json.dumps(counts).encode()})
    with atomic_path(file) as part:
        pq.write_table(table, part, compression="zstd")
    return counts


def _images_table(pixels: np.ndarray, shard: Shard) -> pa.Table:
    """One row an image: its number in the source, and what the model answers."""
    import pyarrow as pa

    reader = load_reader(shard.model)
    if pixels.shape[1:] != (reader.side, reader.side):
        raise DigitsError(
            f"{shard.source.path}: images of {pixels.shape[1]}×{pixels.shape[2]} pixels, but {shard.model.version} "
            f"takes {reader.side}×{reader.side}"
        )
    # One batch at a time: blurring for the typical images takes eight times the memory of the pixels.
    starts = range(0, len(pixels), BATCH)
    parts = [pixels[start : start + BATCH] for start in starts]
    probabilities = [reader.classify(part) for part in parts]
    doubt = [text for part, row in zip(parts, probabilities, strict=True) for text in doubts(part, row, reader)]
    rows = np.concatenate([np.zeros((0, len(reader.class_names)), np.float32), *probabilities])
    labels = rows.argmax(axis=1)
    columns: dict[str, Any] = {
        "row": pa.array(np.arange(shard.start, shard.stop)),
        **_answers(labels.tolist(), rows.max(axis=1, initial=0).tolist(), doubt, shard.model),
    }
    return pa.table(columns)


def _pictures_table(files: list[Path], shard: Shard) -> pa.Table:
    """One row a digit: file, place, and what the model answers. A picture without digits has one row without any."""
    import pyarrow as pa

    reader = load_reader(shard.model)
    found: list[tuple[str, list[int] | None, int | None, float | None, str | None, str, bool]] = []
    for file in files:
        name = file.relative_to(shard.source.path).as_posix()
        outcome = _outcome(file, reader)
        if isinstance(outcome, PictureError):
            found.append((name, None, None, None, None, str(outcome), True))
            continue
        for one in outcome.readings:
            found.append((name, list(one.box), one.digit, one.probability, one.doubt, outcome.note, False))
        if not outcome.readings:
            found.append((name, None, None, None, None, outcome.note or "no digit found", False))
    names, boxes, labels, probabilities, doubt, notes, unread = (list(column) for column in zip(*found, strict=True))
    columns: dict[str, Any] = {
        "file": pa.array(names, pa.string()),
        "box": pa.array(boxes, pa.list_(pa.int32())),
        **_answers(labels, probabilities, doubt, shard.model),
        "note": pa.array(notes, pa.string()),
        "unread": pa.array(unread, pa.bool_()),
    }
    return pa.table(columns)


def _outcome(file: Path, reader: Reader) -> Prediction | PictureError:
    try:
        return predict(load_picture(file), reader)
    except PictureError as error:
        return error


def _answers(
    labels: Sequence[int | None],
    probabilities: Sequence[float | None],
    doubt: Sequence[str | None],
    model: BatchModel,
) -> dict[str, pa.Array]:
    """The columns that all tables have. An item without a digit has nulls."""
    import pyarrow as pa

    words = pa.dictionary(pa.int32(), pa.string())
    names = [None if label is None else model.class_names[label] for label in labels]
    return {
        "digit": pa.array(labels, pa.int16()),
        "class": pa.array(names, words),
        "probability": pa.array(probabilities, pa.float32()),
        "sure": pa.array([None if text is None else not text for text in doubt], pa.bool_()),
        "doubt": pa.array(doubt, words),
        "model_version": pa.array([model.version] * len(labels), words),
        "model_sha256": pa.array([model.sha256] * len(labels), words),
    }

"""The files of a log of what was served: journals that grow, and the Parquet files that they become.

A journal is a file in Arrow's stream format that belongs to one process. So a Parquet file is complete or absent, and
of a killed process the rows of the last second are lost at most. Any number of processes may share a folder.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
from filelock import FileLock, Timeout

from digits.errors import DigitsError
from digits.files import atomic_path

ROWS = pa.schema(
    [
        # Unique among all rows of all logs.
        pa.field("id", pa.string()),
        pa.field("time", pa.timestamp("us", tz="UTC")),
        # serve or draw.
        pa.field("command", pa.string()),
        pa.field("model_sha256", pa.string()),
        # The version's number, or null for a model that is none.
        pa.field("model_version", pa.string()),
        pa.field("side", pa.uint16()),
        # uint8, side × side, row by row.
        pa.field("pixels", pa.binary()),
        pa.field("probabilities", pa.list_(pa.float32())),
        # The most probable class, and whether its probability reaches the model's threshold.
        pa.field("digit", pa.uint16()),
        pa.field("sure", pa.bool_()),
        # Of the request: parsing and classifying all of its images.
        pa.field("milliseconds", pa.float32()),
    ]
)
# What a person said of a row. The last one counts; null: it is no digit.
LABELS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("time", pa.timestamp("us", tz="UTC")),
        pa.field("label", pa.uint16()),
        pa.field("who", pa.string()),
    ]
)
SCHEMAS = {"rows": ROWS, "labels": LABELS}
_JOURNAL, _WHOLE = ".arrows", ".parquet"
# Some 7 MB of images of 28×28 pixels.
_ROWS_AT_A_TIME = 8192
# A reader of a Parquet file has the images of a group in memory.
_ROWS_A_GROUP = 8 * _ROWS_AT_A_TIME


class Journal:
    """One file of rows that grows. Its lock says that a process writes it.

    Attributes:
        day: `2026-11-25`, in its name.
        path: of the file.
    """

    def __init__(self, folder: Path, kind: str, day: str) -> None:
        """Begin a file.

        Args:
            folder: of the log.
            kind: `rows` or `labels`.
            day: of its rows.
        """
        self.day = day
        # In the order of their names files are in that of time.
        begun = datetime.datetime.now(datetime.UTC).strftime("%H%M%S%f")
        self.path = folder / f"{day}.{kind}.{begun}-{secrets.token_hex(3)}{_JOURNAL}"
        self._lock = _lock_of(self.path)
        self._lock.acquire(timeout=0)
        self._file = self.path.open("wb")
        self._writer = pa.ipc.new_stream(self._file, SCHEMAS[kind])

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows to the disk.

        Raises:
            OSError: it took not all of them.
        """
        self._writer.write_batch(batch)
        self._file.flush()
        os.fsync(self._file.fileno())

    def size(self) -> int:
        """Bytes that it has."""
        return self._file.tell()

    def finish(self) -> None:
        """Make it a Parquet file."""
        self._file.close()
        _finish(self.path)
        self.abandon()

    def abandon(self) -> None:
        """Leave it to `finish_journals`."""
        # The buffer of a full disk can be written as little at the end.
        with contextlib.suppress(OSError):
            self._file.close()
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


def finish_journals(folder: Path) -> None:
    """Make Parquet files of the journals that no process writes any more.

    Raises:
        OSError: the folder cannot be written.
    """
    for path in sorted(folder.glob(f"*{_JOURNAL}")):
        try:
            with _lock_of(path).acquire(timeout=0):
                if path.is_file():
                    _finish(path)
        except Timeout:
            continue
        Path(_lock_of(path).lock_file).unlink(missing_ok=True)


def read_log(folder: Path, kind: str = "rows", columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """All that was logged, some thousand rows at a time, the oldest day first, journals included.

    Args:
        folder: of the log.
        kind: `rows` or `labels`.
        columns: those to read; default is all.

    Raises:
        DigitsError: there is no such folder, or one of its files is damaged.
    """
    if not folder.is_dir():
        raise DigitsError(f"{folder}: there is no such folder; `digits serve --log {folder}` makes it")
    names = list(columns or SCHEMAS[kind].names)
    schema = pa.schema([SCHEMAS[kind].field(name) for name in names])
    found = {path.with_suffix("") for path in folder.glob(f"*.{kind}.*") if path.suffix in (_JOURNAL, _WHOLE)}
    for stem in sorted(found):
        held: list[pa.RecordBatch] = []
        for batch in _batches_of(stem, schema):
            held.append(batch.select(names))
            # A journal has a batch a second, of a row or more.
            if sum(map(len, held)) >= _ROWS_AT_A_TIME:
                yield pa.Table.from_batches(held, schema)
                held = []
        if held:
            yield pa.Table.from_batches(held, schema)


def _batches_of(stem: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """What a Parquet file or, where it is none yet, a journal has."""
    journal, path = (stem.with_name(stem.name + suffix) for suffix in (_JOURNAL, _WHOLE))
    if not path.exists():
        # A journal that becomes a Parquet file from now on can still be read; one that became it just now cannot.
        with contextlib.suppress(FileNotFoundError), journal.open("rb") as file:
            yield from _stream(file)
            return
    try:
        # By default it would fetch all groups beforehand.
        with pa.parquet.ParquetFile(path, pre_buffer=False) as whole:
            if any(field not in list(whole.schema_arrow) for field in schema):
                raise pa.ArrowInvalid("its columns are not those of a log")
            yield from whole.iter_batches(_ROWS_AT_A_TIME, columns=schema.names)
    except FileNotFoundError:
        # The oldest files go while others are read.
        return
    except (pa.ArrowException, OSError) as error:
        raise DigitsError(f"{path} is damaged ({' '.join(str(error).split())[:120]}): move it away") from None


def _finish(path: Path) -> None:
    """Make the Parquet file of a journal, and remove the journal."""
    kind = path.name.split(".")[1]
    whole = path.with_suffix(_WHOLE)
    if not whole.exists():
        with path.open("rb") as file:
            batches = list(_stream(file))
        if batches:
            with atomic_path(whole) as part:
                rows = pa.Table.from_batches(batches, SCHEMAS[kind])
                pa.parquet.write_table(rows, part, compression="zstd", row_group_size=_ROWS_A_GROUP)
    path.unlink()


def _stream(file: BinaryIO) -> Iterator[pa.RecordBatch]:
    """What a journal has. The last second of a killed process may be torn."""
    with contextlib.suppress(pa.ArrowInvalid, OSError), pa.ipc.open_stream(file) as stream:
        yield from stream


def drop_oldest(folder: Path, keep: int) -> None:
    """Remove the oldest Parquet files with rows until the others take at most `keep` bytes."""
    sizes = {path: path.stat().st_size for path in sorted(folder.glob(f"*.rows.*{_WHOLE}"))}
    total = sum(sizes.values())
    for path, size in sizes.items():
        if total <= keep:
            return
        path.unlink(missing_ok=True)
        total -= size


def _lock_of(path: Path) -> FileLock:
    # Two servers in one test process must exclude each other, too.
    return FileLock(path.with_name(f".{path.name}.lock"), is_singleton=False, thread_local=False)

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

import numpy as np
import pyarrow as pa
import pyarrow.compute
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
# What a person said of a row: `digits.serving.labels` reads it.
LABELS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("time", pa.timestamp("us", tz="UTC")),
        # Null: it is no digit.
        pa.field("label", pa.uint16()),
        pa.field("who", pa.string()),
        # How the person came to the row: drawn (by themselves), least-sure, random. Null: drawn, in earlier logs.
        pa.field("chosen", pa.string()),
        # True: the person takes back what they said of the row last. Null in earlier logs.
        pa.field("withdrawn", pa.bool_()),
    ]
)
# What a shadow said of a row, and what the model that served had said.
SHADOWS = pa.schema(
    [
        # Of the row.
        pa.field("id", pa.string()),
        pa.field("time", pa.timestamp("us", tz="UTC")),
        pa.field("model_sha256", pa.string()),
        pa.field("model_version", pa.string()),
        pa.field("probabilities", pa.list_(pa.float32())),
        pa.field("digit", pa.uint16()),
        pa.field("sure", pa.bool_()),
        pa.field("served_sha256", pa.string()),
        # The two disagree where this is not `digit`.
        pa.field("served_digit", pa.uint16()),
        pa.field("served_probability", pa.float32()),
    ]
)
# Labels are written first: rows that have one are kept when their file goes.
SCHEMAS = {"labels": LABELS, "rows": ROWS, "shadows": SHADOWS}
# The rows with a label of a file that had to go.
_LABELLED = "labelled"
# Columns that logs of earlier versions lack.
_LATER = ("chosen", "withdrawn")
# Labels are few, and cannot be had again.
_BOUNDED = ("rows", "shadows")
_JOURNAL, _WHOLE = ".arrows", ".parquet"
# So that a few images are read without all of their file.
_ROW_GROUP = 4096
# Some 7 MB of images of 28×28 pixels.
_ROWS_AT_A_TIME = 8192


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
            kind: of `SCHEMAS`.
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
        kind: of `SCHEMAS`.
        columns: those to read; default is all.

    Raises:
        DigitsError: there is no such folder, or one of its files is damaged.
    """
    for stem in log_files(folder, kind):
        yield from _tables(stem, kind, list(columns or SCHEMAS[kind].names))


def log_files(folder: Path, kind: str) -> list[Path]:
    """The files of a log, the oldest day first: paths without a suffix, because a journal becomes a Parquet file.

    Args:
        folder: of the log.
        kind: of `SCHEMAS`.

    Raises:
        DigitsError: there is no such folder.
    """
    if not folder.is_dir():
        raise DigitsError(f"{folder}: there is no such folder; `digits serve --log {folder}` makes it")
    found = {path.with_suffix("") for path in folder.glob(f"*.{kind}.*") if path.suffix in (_JOURNAL, _WHOLE)}
    if kind == "rows":
        kept = {path.with_suffix("") for path in folder.glob(f"*.{_LABELLED}.*{_WHOLE}")}
        # A killed process may have left both: the whole file has all rows.
        found |= {path for path in kept if path.with_name(path.name.replace(_LABELLED, kind)) not in found}
    return sorted(found, key=_begun)


def read_file(stem: Path, columns: Sequence[str] | None = None, rows: np.ndarray | None = None) -> pa.Table:
    """What one file has; nothing where it is gone.

    Args:
        stem: from `log_files`.
        columns: those to read; default is all.
        rows: int (n,), the numbers of those to read, in this order; default is all.

    Raises:
        DigitsError: it is damaged.
    """
    kind = _kind(stem)
    names = list(columns or SCHEMAS[kind].names)
    journal, path = (stem.with_name(stem.name + suffix) for suffix in (_JOURNAL, _WHOLE))
    if not path.exists():
        # A journal that became a Parquet file just now is read as one.
        with contextlib.suppress(FileNotFoundError), journal.open("rb") as stream:
            table = _as_table(list(_stream(stream)), kind).select(names)
            return table if rows is None else table.take(rows[rows < len(table)])
    try:
        with pa.parquet.ParquetFile(path) as file:
            table = file.read(columns=names) if rows is None else _rows(file, names, rows)
        return _complete(table, kind, names)
    except FileNotFoundError:
        return SCHEMAS[kind].empty_table().select(names)
    except (pa.ArrowException, OSError) as error:
        raise DigitsError(f"{path} is damaged ({' '.join(str(error).split())[:120]}): move it away") from None


def _tables(stem: Path, kind: str, names: list[str]) -> Iterator[pa.Table]:
    """As `read_file`, some rows at a time."""
    journal, path = (stem.with_name(stem.name + suffix) for suffix in (_JOURNAL, _WHOLE))
    if not path.exists():
        with contextlib.suppress(FileNotFoundError), journal.open("rb") as stream:
            held: list[pa.RecordBatch] = []
            for batch in _stream(stream):
                held.append(batch)
                # A journal has a batch a second, of a row or more.
                if sum(map(len, held)) >= _ROWS_AT_A_TIME:
                    yield _as_table(held, kind).select(names)
                    held = []
            if held:
                yield _as_table(held, kind).select(names)
            return
    try:
        # By default it would fetch all groups beforehand.
        with pa.parquet.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=names):
                yield _complete(pa.Table.from_batches([batch]), kind, names)
    except FileNotFoundError:
        # The oldest files go while others are read.
        return
    except (pa.ArrowException, OSError) as error:
        raise DigitsError(f"{path} is damaged ({' '.join(str(error).split())[:120]}): move it away") from None


def _rows(file: pa.parquet.ParquetFile, names: list[str], rows: np.ndarray) -> pa.Table:
    """Some rows of a Parquet file, of which only the groups that have them are read."""
    sizes = np.array([file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)])
    ends = sizes.cumsum()
    of_row = np.searchsorted(ends, rows, side="right")
    groups = np.unique(of_row)
    read = np.searchsorted(groups, of_row)
    begins = sizes[groups].cumsum() - sizes[groups]
    return file.read_row_groups(groups.tolist(), columns=names).take(rows - (ends - sizes)[of_row] + begins[read])


def _as_table(batches: list[pa.RecordBatch], kind: str) -> pa.Table:
    """What a journal has, with the columns of today."""
    return _complete(pa.Table.from_batches(batches, batches[0].schema if batches else SCHEMAS[kind]), kind)


def _complete(table: pa.Table, kind: str, names: Sequence[str] | None = None) -> pa.Table:
    """Bring the columns into order, and add those that logs of earlier versions lack.

    Raises:
        pa.ArrowInvalid: they are not those of a log.
    """
    wanted = pa.schema([SCHEMAS[kind].field(name) for name in names or SCHEMAS[kind].names])
    for field in wanted:
        if field.name in _LATER and field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    if set(wanted.names) != set(table.column_names) or table.select(wanted.names).schema != wanted:
        raise pa.ArrowInvalid("its columns are not those of a log")
    return table.select(wanted.names)


def _finish(path: Path) -> None:
    """Make the Parquet file of a journal, and remove the journal."""
    kind = _kind(path)
    whole = path.with_suffix(_WHOLE)
    if not whole.exists():
        with path.open("rb") as file:
            batches = list(_stream(file))
        if batches:
            with atomic_path(whole) as part:
                pa.parquet.write_table(_as_table(batches, kind), part, compression="zstd", row_group_size=_ROW_GROUP)
    path.unlink()


def _stream(file: BinaryIO) -> Iterator[pa.RecordBatch]:
    """What a journal has. The last second of a killed process may be torn."""
    with contextlib.suppress(pa.ArrowInvalid, OSError), pa.ipc.open_stream(file) as stream:
        yield from stream


def _kind(path: Path) -> str:
    kind = path.name.split(".")[1]
    return "rows" if kind == _LABELLED else kind


def drop_oldest(folder: Path, keep: int) -> None:
    """Remove the oldest Parquet files until the others take at most `keep` bytes.

    Labels stay, and the rows that have one: in a file that does not count.
    """
    sizes = {}
    for kind in _BOUNDED:
        for path in folder.glob(f"*.{kind}.*{_WHOLE}"):
            # Another process may drop it at the same time.
            with contextlib.suppress(FileNotFoundError):
                sizes[path] = path.stat().st_size
    total = sum(sizes.values())
    for path in sorted(sizes, key=_begun):
        if total <= keep:
            return
        if _kind(path) == "rows":
            _keep_labelled(path)
        path.unlink(missing_ok=True)
        total -= sizes[path]


def _keep_labelled(path: Path) -> None:
    """Write the rows of a file that have a label to a file of their own."""
    labels = pa.concat_tables([LABELS.empty_table(), *read_log(path.parent, "labels")])["id"]
    table = read_file(path.with_suffix(""))
    table = table.filter(pa.compute.is_in(table["id"], labels.combine_chunks()))
    if len(table):
        with atomic_path(path.with_name(path.name.replace(".rows.", f".{_LABELLED}."))) as part:
            pa.parquet.write_table(table, part, compression="zstd")


def _begun(path: Path) -> tuple[str, str]:
    """When a file was begun, whatever its kind."""
    day, _, begun, *_ = path.name.split(".")
    return day, begun


def _lock_of(path: Path) -> FileLock:
    # Two servers in one test process must exclude each other, too.
    return FileLock(path.with_name(f".{path.name}.lock"), is_singleton=False, thread_local=False)

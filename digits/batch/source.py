"""What `digits batch` reads: images as arrays, or pictures. A part of them at a time."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from digits.arrays import Rows, StoredArray, open_npy
from digits.data.idx import open_idx
from digits.data.raw import to_images
from digits.errors import DigitsError
from digits.files import missing
from digits.pictures.file import SUFFIXES

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_TAKEN = "pictures in a folder, IDX, .npy or .parquet"
_PIXEL_COLUMN = re.compile(r"(?:pixel|p|x)?_?(\d+)")
# How the files begin.
_MAGIC = {b"\0\0": "IDX", b"\x93NUMPY": ".npy", b"PAR1": "Parquet"}
# Rows of Parquet that are decoded at a time. With a column a pixel, each takes 6 KB.
_DECODED = 2_000


@dataclass(frozen=True)
class Images:
    """Images of one size, raw pixels, one a row. `per_shard` is a multiple of the images that a model takes at once."""

    path: Path
    kind: str
    per_shard: int = 10_000

    def __len__(self) -> int:
        """The number of images."""
        return len(self._rows)

    @property
    def side(self) -> int:
        """Height and width in pixels."""
        return self._rows.shape[1]

    def read(self, start: int, stop: int) -> np.ndarray:
        """Some images: uint8 (stop - start, side, side)."""
        return np.asarray(self._rows[start:stop]).reshape(-1, self.side, self.side)

    @cached_property
    def _rows(self) -> Rows | _ParquetRows:
        if self.kind == "Parquet":
            return _ParquetRows(self.path)
        if self.kind == "IDX":
            return to_images(open_idx(self.path), str(self.path), may_be_empty=True)
        return _npy(self.path)

    def __getstate__(self) -> dict[str, object]:
        """What another process gets: no open files."""
        return {"path": self.path, "kind": self.kind, "per_shard": self.per_shard}


@dataclass(frozen=True)
class Pictures:
    """The pictures of a folder and of those within it, by name."""

    path: Path
    files: tuple[str, ...]
    kind: str = "pictures"
    per_shard: int = 100

    def __len__(self) -> int:
        """The number of pictures."""
        return len(self.files)


# What another process gets as it is, and reads from the same path.
Source: TypeAlias = Images | Pictures


def open_source(path: Path) -> Source:
    """Find out what a path holds.

    Args:
        path: a folder of pictures or of Parquet files, or a file.

    Raises:
        DigitsError: there is nothing, or nothing that can be read as images.
    """
    if path.is_dir():
        if any(path.glob("*.parquet")):
            return _checked(Images(path, "Parquet"))
        files = (file for file in sorted(path.rglob("*")) if file.suffix.lower() in SUFFIXES and file.is_file())
        found = tuple(file.relative_to(path).as_posix() for file in files)
        if not found:
            raise DigitsError(f"{path}: nothing to read in this folder; expected are {_TAKEN}")
        return Pictures(path, found)
    if not path.exists():
        raise DigitsError(f"{path}: no such file or folder")
    with path.open("rb") as file:
        start = file.read(6)
    kind = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), "")
    if not kind:
        packed = " (gunzip it first)" if start.startswith(b"\x1f\x8b") else ""
        raise DigitsError(f"{path}: neither of {_TAKEN}{packed}; `digits predict` reads single pictures")
    return _checked(Images(path, kind))


def _checked(images: Images) -> Images:
    """Open it once, so that what cannot be read is refused before anything starts."""
    len(images)
    return images


def _npy(path: Path) -> StoredArray:
    try:
        array = open_npy(path)
    except FileNotFoundError:
        raise missing(path) from None
    except (ValueError, EOFError) as error:
        raise DigitsError(f"{path}: not a plain array in C order ({error}): save it anew by `numpy.save`") from None
    side = math.isqrt(math.prod(array.shape[1:]))
    if array.dtype != np.uint8 or array.shape[1:] not in ((side, side), (side, side, 1), (side * side,)) or not side:
        raise DigitsError(
            f"{path}: raw pixels are expected, uint8 (n, side, side), (n, side, side, 1) or (n, side²), not "
            f"{array.dtype} {array.shape}"
        )
    # The same bytes, seen as squares.
    array.shape = (len(array), side, side)
    return array


class _ParquetRows:
    """Pixels in the Parquet files of a path: a column `pixels` (bytes or lists), or a column a pixel, pixel0 …"""

    def __init__(self, path: Path) -> None:
        """Read the footers.

        Raises:
            DigitsError: a file is damaged, or has no such columns.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._path = path
        files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        try:
            self._files = [pq.ParquetFile(file) for file in files]
        except (pa.ArrowInvalid, OSError) as error:
            raise DigitsError(f"{path}: not Parquet ({str(error).splitlines()[0]})") from None
        self._columns = _pixel_columns(self._files[0].schema_arrow.names)
        if any(not set(self._columns) <= set(file.schema_arrow.names) for file in self._files):
            raise DigitsError(f"{path}: its files have other columns than {files[0].name}")
        count = sum(file.metadata.num_rows for file in self._files)
        first = next((batch for file in self._files for batch in self._batches(file, 1)), None)
        width = self._pixels(first).shape[1] if first and self._columns else 0
        side = math.isqrt(width)
        if not side or side * side != width:
            raise DigitsError(
                f"{path}: a column `pixels` (bytes or a list an image), or columns pixel0, pixel1, … for the pixels of "
                "a square image are expected"
            )
        self.shape = (count, side, side)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, _ = rows.indices(len(self))
        found, first = [], 0
        for file in self._files:
            for group in range(file.metadata.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                if first < stop and first + count > start:
                    found += self._part(file, group, start - first, stop - first)
                first += count
        return np.concatenate(found) if found else np.zeros((0, self.shape[1] ** 2), np.uint8)

    def _part(self, file: pq.ParquetFile, group: int, start: int, stop: int) -> list[np.ndarray]:
        """The rows of a row group from `start` to `stop`, which may lie beyond its ends."""
        found, first = [], 0
        for batch in self._batches(file, _DECODED, [group]):
            part = batch.slice(max(start - first, 0), max(stop - max(first, start), 0))
            first += len(batch)
            if len(part):
                found.append(self._pixels(part))
        return found

    def _batches(self, file: pq.ParquetFile, rows: int, groups: list[int] | None = None) -> list[pa.RecordBatch]:
        return file.iter_batches(rows, groups, self._columns)

    def _pixels(self, batch: pa.RecordBatch) -> np.ndarray:
        """The pixels of a batch: uint8 (n, side²).

        Raises:
            DigitsError: a value is missing or no byte, or the images are of several sizes.
        """
        import pyarrow as pa

        columns = [batch.column(name) for name in self._columns]
        if any(column.null_count for column in columns):
            raise DigitsError(f"{self._path}: a pixel is missing: fill it or leave the row out")
        try:
            if len(columns) > 1:
                values = np.stack([column.to_numpy(zero_copy_only=False) for column in columns], axis=1)
            elif pa.types.is_binary(columns[0].type) or pa.types.is_fixed_size_binary(columns[0].type):
                values = np.stack([np.frombuffer(value, np.uint8) for value in columns[0].to_pylist()])
            else:
                values = np.stack(list(columns[0].to_numpy(zero_copy_only=False)))
        except ValueError:
            raise DigitsError(f"{self._path}: images of several sizes: make them alike first") from None
        if not (np.issubdtype(values.dtype, np.number) and ((values >= 0) & (values <= 255) & (values % 1 == 0)).all()):
            raise DigitsError(f"{self._path}: raw pixels are expected, whole numbers from 0 to 255")
        return values.astype(np.uint8)


def _pixel_columns(names: list[str]) -> list[str]:
    """`pixels` alone, or the columns with a number in their name, in its order."""
    if "pixels" in names:
        return ["pixels"]
    numbered = {int(found[1]): name for name in names if (found := _PIXEL_COLUMN.fullmatch(name))}
    return [numbered[number] for number in sorted(numbered)]

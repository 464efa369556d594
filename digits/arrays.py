"""Arrays that stay in their file: memory holds the rows that were asked for, however large the file is.

A memory map would do for reading alone. But each page that was touched counts as memory of the process, so one walk
through a map takes as much as the whole array.
"""

from __future__ import annotations

import io
import math
import os
import weakref
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

# How much is read at a time where all of an array is wanted.
_CHUNK_BYTES = 8 * 2**20


class StoredArray:
    """An array in C order within a file. Reading some of its rows gives an ordinary array of them.

    Attributes:
        path: of the file, absolute.
        dtype: of the values.
        shape: of the array.
    """

    def __init__(self, path: Path | str, dtype: np.dtype, shape: tuple[int, ...], offset: int) -> None:
        """Open a file. What another process does to its name later makes no difference.

        Args:
            path: of the file.
            dtype: of the values.
            shape: of the array, at least one dimension.
            offset: number of bytes before the first value.

        Raises:
            OSError: it cannot be opened.
            ValueError: it is too short.
        """
        self.path, self.dtype, self.shape = Path(path).absolute(), np.dtype(dtype), shape
        self._offset = offset
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        weakref.finalize(self, os.close, self._file)
        if (size := os.fstat(self._file).st_size) < offset + self.nbytes:
            raise ValueError(f"{size} bytes, but {offset + self.nbytes} are needed")

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        """Number of rows."""
        return self.shape[0]

    def __getitem__(self, rows: int | np.integer | slice | np.ndarray) -> np.ndarray:
        """Read a row, a slice of step 1, or the rows with the numbers of an integer array, as NumPy does.

        Raises:
            IndexError: there is no such row.
            OSError: the file cannot be read, or became shorter.
        """
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step != 1:
                return self[np.arange(start, stop, step)]
            found = np.empty((max(stop - start, 0), *self.shape[1:]), self.dtype)
            if found.nbytes:
                self._fill(_bytes_of(found), self._offset + start * (found.nbytes // len(found)))
            return found
        numbers = np.asarray(rows)
        if numbers.dtype == bool or not np.issubdtype(numbers.dtype, np.integer):
            raise IndexError(f"rows are numbers, not {numbers.dtype}")
        numbers = np.where(numbers < 0, numbers + len(self), numbers)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(f"rows {numbers.min()} to {numbers.max()} of an array of {len(self)}")
        found = np.empty((numbers.size, *self.shape[1:]), self.dtype)
        if found.nbytes:
            # A loop over bytes: a training reads thousands of single rows a second.
            view, width = _bytes_of(found), found.nbytes // len(found)
            places = range(0, len(view), width)
            for at, number in zip(places, numbers.ravel().tolist(), strict=True):
                self._fill(view[at : at + width], self._offset + number * width)
        return found.reshape((*numbers.shape, *self.shape[1:]))[()]

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        """Read all of it, for `np.asarray`."""
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)

    def _fill(self, view: memoryview, at: int) -> None:
        """Fill a buffer with the bytes of the file from `at` on."""
        # The kernel reads at most 2 GiB in one call.
        while (read := os.preadv(self._file, [view], at)) < len(view):
            if not read:
                raise OSError("the file became shorter while it was read")
            view, at = view[read:], at + read


def _bytes_of(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


# What is read row by row, or sliced, may be in memory or in a file.
Rows: TypeAlias = np.ndarray | StoredArray


def open_npy(path: Path | str) -> StoredArray:
    """The array of an `.npy` file.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is no such file, holds Python objects, is not in C order, or is too short.
    """
    with Path(path).open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read(file)
        offset = file.tell()
    if dtype.hasobject or (is_fortran and len(shape) > 1) or not shape:
        raise ValueError("not a plain array in C order")
    return StoredArray(path, dtype, shape, offset)


def write_npy(path: Path | str, dtype: np.dtype | type, shape: tuple[int, ...], parts: Iterable[np.ndarray]) -> None:
    """Write an `.npy` file part by part: the same bytes as `np.save` of the whole array.

    Args:
        path: of the file.
        dtype: of the values.
        shape: of the whole array.
        parts: its rows in order, (n, *shape[1:]) each.

    Raises:
        ValueError: the parts are of another shape or dtype, or have more or fewer rows.
    """
    dtype, rows = np.dtype(dtype), 0
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with Path(path).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            if part.shape[1:] != shape[1:] or part.dtype != dtype:
                raise ValueError(f"{part.dtype} {part.shape} as a part of {dtype} {shape}")
            file.write(np.ascontiguousarray(part).data)
            rows += len(part)
    if rows != shape[0]:
        raise ValueError(f"{rows} rows instead of {shape[0]}")


def write_npz(path: Path | str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an `.npz` file: the same bytes for the same arrays.

    `np.savez` asks for zip64, whose headers differ between patch versions of Python.

    Args:
        path: of the file.
        arrays: by name, less than 4 GiB each.

    Raises:
        ValueError: an array holds Python objects.
    """
    with zipfile.ZipFile(path, "w") as target:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(array), allow_pickle=False)
            target.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getbuffer())


def chunks(array: Rows, rows: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """All of an array, in order: number of the first row, and some rows.

    Args:
        array: of one dimension or more.
        rows: how many rows at a time; default is what takes 8 MiB.
    """
    if rows is None:
        rows = max(1, _CHUNK_BYTES // max(1, array.nbytes // max(1, len(array))))
    for start in range(0, len(array), rows):
        yield start, array[start : start + rows]


def select(array: Rows, wanted: np.ndarray, rows: int | None = None) -> Iterator[np.ndarray]:
    """Some rows of an array, a part of them at a time. The array is read once, in order.

    Args:
        array: of one dimension or more.
        wanted: numbers of rows, ascending.
        rows: as in `chunks`.
    """
    for start, part in chunks(array, rows):
        first, last = np.searchsorted(wanted, (start, start + len(part)))
        yield part[wanted[first:last] - start]

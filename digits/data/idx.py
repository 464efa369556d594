"""The IDX format of MNIST: big-endian header, then the values.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File formats".
"""

import math
import struct
from pathlib import Path

import numpy as np

from digits.arrays import StoredArray
from digits.errors import DigitsError

_UBYTE = 0x08
# The number of dimensions is one byte.
_LONGEST_HEADER = 4 + 4 * 255
# Type of the values, by the third byte of a file.
_TYPES = {_UBYTE: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def parse_idx(data: bytes, name: str = "IDX data") -> np.ndarray:
    """Decode an IDX file.

    Args:
        data: the content of the file, decompressed.
        name: of the file, for error messages.

    Returns:
        A read-only array with the type and shape that the header states: uint8 (n, 28, 28) for MNIST's images, (n,) for
        its labels.

    Raises:
        DigitsError: wrong magic number, an unknown element type, or a length that does not fit the header.
    """
    dtype, shape, header = _header(data[:_LONGEST_HEADER], len(data), name)
    return np.frombuffer(data, dtype=dtype, offset=header).reshape(shape)


def open_idx(path: Path, name: str = "") -> StoredArray:
    """The array of an IDX file that is not compressed. The values stay in the file.

    Args:
        path: of the file.
        name: of the file, for error messages; default is its path.

    Raises:
        FileNotFoundError: there is no such file.
        DigitsError: as `parse_idx`.
    """
    with path.open("rb") as file:
        start = file.read(_LONGEST_HEADER)
    return StoredArray(path, *_header(start, path.stat().st_size, name or str(path)))


def _header(start: bytes, length: int, name: str) -> tuple[np.dtype, tuple[int, ...], int]:
    """Type and shape that a header states, and its own length, from the first bytes of a file of that length."""
    if length < 4:
        raise DigitsError(f"{name}: {length} bytes is too short for an IDX header")
    zero, kind, dimensions = struct.unpack(">HBB", start[:4])
    if zero != 0 or dimensions == 0:
        raise DigitsError(f"{name}: not an IDX file (it starts with {start[:4].hex(' ')})")
    if kind not in _TYPES:
        raise DigitsError(f"{name}: IDX has no element type 0x{kind:02x}")
    dtype = np.dtype(_TYPES[kind])
    header = 4 + 4 * dimensions
    if length < header:
        raise DigitsError(f"{name}: {length} bytes is too short for an IDX header of {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", start[4:header])
    expected = header + math.prod(shape) * dtype.itemsize
    if length != expected:
        raise DigitsError(f"{name}: {length} bytes, but its header {shape} needs {expected}")
    return dtype, shape, header


def format_idx(array: np.ndarray) -> bytes:
    """Encode a uint8 array of 1 to 255 dimensions as an IDX file.

    Raises:
        DigitsError: another dtype, or no dimension.
    """
    if array.dtype != np.uint8 or not 1 <= array.ndim <= 255:
        raise DigitsError(f"IDX holds unsigned bytes of 1 to 255 dimensions, not {array.dtype} of {array.ndim}")
    return struct.pack(f">HBB{array.ndim}I", 0, _UBYTE, array.ndim, *array.shape) + array.tobytes()

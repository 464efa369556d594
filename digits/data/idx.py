"""The IDX format of MNIST: big-endian header, then the values.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File formats".
"""

import math
import struct

import numpy as np

from digits.errors import DigitsError

_UBYTE = 0x08
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
    if len(data) < 4:
        raise DigitsError(f"{name}: {len(data)} bytes is too short for an IDX header")
    zero, kind, dimensions = struct.unpack(">HBB", data[:4])
    if zero != 0 or dimensions == 0:
        raise DigitsError(f"{name}: not an IDX file (it starts with {data[:4].hex(' ')})")
    if kind not in _TYPES:
        raise DigitsError(f"{name}: IDX has no element type 0x{kind:02x}")
    dtype = np.dtype(_TYPES[kind])
    header = 4 + 4 * dimensions
    if len(data) < header:
        raise DigitsError(f"{name}: {len(data)} bytes is too short for an IDX header of {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", data[4:header])
    expected = header + math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise DigitsError(f"{name}: {len(data)} bytes, but its header {shape} needs {expected}")
    return np.frombuffer(data, dtype=dtype, offset=header).reshape(shape)


def format_idx(array: np.ndarray) -> bytes:
    """Encode a uint8 array of 1 to 255 dimensions as an IDX file.

    Raises:
        DigitsError: another dtype, or no dimension.
    """
    if array.dtype != np.uint8 or not 1 <= array.ndim <= 255:
        raise DigitsError(f"IDX holds unsigned bytes of 1 to 255 dimensions, not {array.dtype} of {array.ndim}")
    return struct.pack(f">HBB{array.ndim}I", 0, _UBYTE, array.ndim, *array.shape) + array.tobytes()

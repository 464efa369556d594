"""The IDX format of MNIST: big-endian header, then raw bytes.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File formats".
"""

import math
import struct

import numpy as np

from digits.errors import DigitsError

_UBYTE = 0x08


def parse_idx(data: bytes, name: str = "IDX data") -> np.ndarray:
    """Decode an IDX file of unsigned bytes.

    Args:
        data: the content of the file, decompressed.
        name: of the file, for error messages.

    Returns:
        A read-only uint8 array with the shape that the header states: (n, 28, 28) for MNIST images, (n,) for labels.

    Raises:
        DigitsError: wrong magic number, another element type, or a length that does not fit the header.
    """
    if len(data) < 4:
        raise DigitsError(f"{name}: {len(data)} bytes is too short for an IDX header")
    zero, kind, dimensions = struct.unpack(">HBB", data[:4])
    if zero != 0 or dimensions == 0:
        raise DigitsError(f"{name}: not an IDX file (it starts with {data[:4].hex(' ')})")
    if kind != _UBYTE:
        raise DigitsError(f"{name}: IDX element type 0x{kind:02x} is not supported, only unsigned bytes (0x08)")
    header = 4 + 4 * dimensions
    if len(data) < header:
        raise DigitsError(f"{name}: {len(data)} bytes is too short for an IDX header of {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", data[4:header])
    expected = header + math.prod(shape)
    if len(data) != expected:
        raise DigitsError(f"{name}: {len(data)} bytes, but its header {shape} needs {expected}")
    return np.frombuffer(data, dtype=np.uint8, offset=header).reshape(shape)


def format_idx(array: np.ndarray) -> bytes:
    """Encode a uint8 array of 1 to 255 dimensions as an IDX file.

    Raises:
        DigitsError: another dtype, or no dimension.
    """
    if array.dtype != np.uint8 or not 1 <= array.ndim <= 255:
        raise DigitsError(f"IDX holds unsigned bytes of 1 to 255 dimensions, not {array.dtype} of {array.ndim}")
    return struct.pack(f">HBB{array.ndim}I", 0, _UBYTE, array.ndim, *array.shape) + array.tobytes()

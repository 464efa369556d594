import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from digits.data.idx import format_idx, parse_idx
from digits.errors import DigitsError

ubytes = arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))


@given(ubytes)
def test_round_trip(array):
    parsed = parse_idx(format_idx(array))
    assert parsed.dtype == np.uint8 and parsed.shape == array.shape
    np.testing.assert_array_equal(parsed, array)


def test_the_format_is_the_one_described_by_lecun():
    # "TRAINING SET LABEL FILE": magic number 0x00000801, number of items, then one byte per label.
    assert format_idx(np.array([5, 0, 4], np.uint8)) == bytes.fromhex("00000801 00000003 050004")
    image = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    assert format_idx(image) == struct.pack(">4I", 0x803, 1, 2, 3) + bytes(range(6))


def test_memory_order_does_not_matter():
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert format_idx(np.asfortranarray(array)) == format_idx(array)
    assert format_idx(array.transpose(0, 2, 1)) == format_idx(array.transpose(0, 2, 1).copy())


@given(ubytes, st.data())
def test_a_truncated_or_longer_file_is_refused(array, data):
    whole = format_idx(array)
    cut = data.draw(st.integers(0, len(whole) - 1))
    for damaged in (whole[:cut], whole + b"\0"):
        with pytest.raises(DigitsError, match=r"^labels: .*(too short|but its header)"):
            parse_idx(damaged, "labels")


@given(st.binary(max_size=64) | st.binary(max_size=40).map(lambda rest: b"\0\0\x08" + rest))
def test_arbitrary_bytes_parse_completely_or_are_refused(data):
    try:
        array = parse_idx(data)
    except DigitsError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert data[4 * (data[3] + 1) :] == array.tobytes() and (array.dtype != np.uint8 or format_idx(array) == data)


@pytest.mark.parametrize(
    ("kind", "dtype"), [(0x08, "u1"), (0x09, "i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")]
)
def test_every_element_type_is_read(kind, dtype):
    array = np.array([[1, 2, 3], [4, 5, 6]], dtype)
    parsed = parse_idx(struct.pack(">HBBII", 0, kind, 2, 2, 3) + array.tobytes())
    assert parsed.dtype == array.dtype
    np.testing.assert_array_equal(parsed, array)


@pytest.mark.parametrize("kind", [0x00, 0x07, 0x0A, 0x0F, 0xFF])
def test_other_element_types_are_refused(kind):
    with pytest.raises(DigitsError, match=f"IDX has no element type 0x{kind:02x}"):
        parse_idx(struct.pack(">HBBI", 0, kind, 1, 0))


@pytest.mark.parametrize(
    "start", [b"\x1f\x8b\x08\x00", b"PK\x03\x04", b"<htm", b"\0\0\x08\0"], ids=["gzip", "zip", "html", "no dimension"]
)
def test_other_files_are_refused(start):
    with pytest.raises(DigitsError, match=f"not an IDX file .it starts with {start.hex(' ')}"):
        parse_idx(start + bytes(20))


def test_a_header_larger_than_memory_is_refused_by_its_length():
    with pytest.raises(DigitsError, match="needs"):
        parse_idx(struct.pack(">HBB3I", 0, 8, 3, *[2**32 - 1] * 3) + b"abc")


@pytest.mark.parametrize("array", [np.zeros(3), np.zeros(3, np.int8), np.uint8(3)[()] * np.ones((), np.uint8)])
def test_only_unsigned_bytes_can_be_written(array):
    with pytest.raises(DigitsError, match="unsigned bytes of 1 to 255 dimensions"):
        format_idx(np.asarray(array))

"""Arrays in a file, compared with the same arrays in memory."""

import io
import os
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from support.project import ROOT, environment

from digits.arrays import StoredArray, chunks, open_npy, select, write_npy, write_npz

DTYPES = st.sampled_from(["u1", "i1", ">i2", "<f4", ">f8", "<i8"])
ARRAYS = DTYPES.flatmap(
    lambda dtype: arrays(np.dtype(dtype), array_shapes(max_dims=3, max_side=7), elements=st.integers(0, 99))
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("arrays") / "array"


def stored(file, array, offset=0):
    file.write_bytes(bytes(offset) + array.tobytes())
    return StoredArray(file, array.dtype, array.shape, offset)


@settings(deadline=None)
@given(ARRAYS, st.integers(0, 9), st.data())
def test_every_index_gives_what_numpy_gives(file, array, offset, data):
    found = stored(file, array, offset)
    count = len(array)
    assert (found.shape, found.dtype, found.ndim, found.size) == (array.shape, array.dtype, array.ndim, array.size)
    assert (len(found), found.nbytes) == (count, array.nbytes)
    row = st.integers(-count, count - 1)
    numbers = data.draw(arrays(np.int64, array_shapes(max_dims=2, max_side=5), elements=row))
    for index in (data.draw(row), np.int64(data.draw(row)), data.draw(st.slices(count)), numbers, numbers[:0]):
        np.testing.assert_array_equal(found[index], array[index])
        assert found[index].dtype == array[index].dtype and found[index].shape == array[index].shape
    np.testing.assert_array_equal(np.asarray(found), array)
    assert np.asarray(found, np.float64).dtype == np.float64


@settings(deadline=None)
@given(ARRAYS, st.integers(1, 9), st.data())
def test_chunks_are_the_whole_and_a_selection_is_its_rows(file, array, rows, data):
    found = stored(file, array)
    for source in (array, found):
        parts = list(chunks(source, rows))
        assert [start for start, _ in parts] == list(range(0, len(array), rows))
        assert all(len(part) == rows for _, part in parts[:-1])
        np.testing.assert_array_equal(np.concatenate([part for _, part in parts]), array)
        wanted = np.array(sorted(data.draw(st.sets(st.integers(0, len(array) - 1)))), np.int64)
        np.testing.assert_array_equal(np.concatenate(list(select(source, wanted, rows))), array[wanted])


@settings(deadline=None)
@given(ARRAYS, st.integers(1, 9))
def test_an_npy_file_written_by_parts_has_the_bytes_of_numpys(file, array, rows):
    whole = io.BytesIO()
    np.save(whole, array)
    write_npy(file, array.dtype, array.shape, (part for _, part in chunks(array, rows)))
    assert file.read_bytes() == whole.getvalue()
    np.testing.assert_array_equal(np.asarray(open_npy(file)), array)


@pytest.mark.parametrize(
    "parts", [[], [np.zeros((2, 3))], [np.zeros((4, 3))], [np.zeros((3, 2))], [np.zeros((3, 3), np.float32)]]
)
def test_parts_that_are_not_the_array_are_refused(file, parts):
    with pytest.raises(ValueError, match=r"rows instead of 3|as a part of"):
        write_npy(file, np.float64, (3, 3), parts)


@pytest.mark.parametrize(
    "row", [3, -4, np.array([0, 3]), np.array([-4]), np.array([True, False, True]), np.array([0.5])]
)
def test_a_row_that_does_not_exist_is_an_error(file, row):
    with pytest.raises(IndexError):
        stored(file, np.arange(6).reshape(3, 2))[row]


def test_a_file_that_is_too_short_is_refused_then_or_when_it_becomes_so(file):
    array = np.arange(100)
    found = stored(file, array)
    os.truncate(file, 500)
    assert found[61] == 61
    for index in (62, slice(None), np.array([99])):
        with pytest.raises(OSError, match="the file became shorter while it was read"):
            found[index]
    with pytest.raises(ValueError, match="500 bytes, but 800 are needed"):
        StoredArray(file, array.dtype, array.shape, 0)


def test_a_file_that_was_replaced_is_read_to_its_end(file):
    found = stored(file, np.arange(5))
    file.with_name("other").write_bytes(b"")
    file.with_name("other").replace(file)
    assert found[:].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "array", [np.asfortranarray(np.ones((2, 3))), np.array([None]), np.array(5)], ids=["Fortran", "objects", "a number"]
)
def test_an_npy_file_of_another_kind_is_refused(file, array):
    with file.open("wb") as target:
        np.save(target, array, allow_pickle=True)
    with pytest.raises(ValueError, match="not a plain array in C order"):
        open_npy(file)


def test_reading_all_of_a_file_takes_no_memory_that_grows_with_it(tmp_path):
    file = tmp_path / "array.npy"
    # The file has a hole in the place of its values.
    write_npy(file, np.uint8, (0, 1000), [])
    header = file.read_bytes().replace(b"(0, 1000), }     ", b"(400000, 1000), }")
    file.write_bytes(header)
    os.truncate(file, len(header) + 400_000_000)
    code = f"""
import resource
from digits.arrays import chunks, open_npy
array = open_npy({str(file)!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert sum(int(part.sum()) + len(part) for _, part in chunks(array)) == 400_000
array[__import__("numpy").arange(0, 400_000, 100)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    assert int(done.stdout) < 60_000


def test_an_npz_file_has_nothing_that_differs_between_versions_of_python(tmp_path):
    arrays = {"0/pixels": np.arange(12, dtype=np.uint8).reshape(3, 4), "limits": np.array([1.5, np.inf])}
    write_npz(tmp_path / "a.npz", arrays)
    write_npz(tmp_path / "b.npz", arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as written:
        assert all(one.date_time == (1980, 1, 1, 0, 0, 0) for one in written.infolist())
    # The first local header asks for version 2.0 and has no zip64 field, which `numpy.savez` adds.
    version, extra = struct.unpack_from("<4xH22xH", (tmp_path / "a.npz").read_bytes())
    assert (version, extra) == (20, 0)
    with np.load(tmp_path / "a.npz") as read:
        assert list(read) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(read[name], array)


def test_python_objects_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_npz(tmp_path / "a.npz", {"a": np.array([{}])})

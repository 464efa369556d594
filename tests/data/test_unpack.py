"""The first two bytes decide what is gzipped."""

import gzip
import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.data.unpack import GZIP, SourceError, open_unpacked, pieces, unpacked


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def whole(data, key, wanted):
    return b"".join(unpacked(io.BytesIO(data), key, wanted))


@given(st.binary(max_size=200))
def test_gzipped_or_not_the_content_is_the_same(data):
    if not data.startswith(GZIP):
        assert whole(data, "test_labels", "") == data
    assert whole(gzip.compress(data), "test_labels", "") == data
    with open_unpacked(io.BytesIO(gzip.compress(data))) as file:
        assert file.read() == data


@given(st.binary(min_size=1, max_size=200), st.integers(2, 18))
def test_what_only_begins_as_gzip_is_refused(data, cut):
    with pytest.raises(SourceError, match="not a whole gzip file"):
        whole(gzip.compress(data)[:-cut], "test_labels", "")


def test_the_hash_of_the_compressed_file_is_answered_with_that_of_its_content():
    packed = gzip.compress(b"labels")
    with pytest.raises(SourceError) as refused:
        whole(packed, "test_labels", sha256(packed))
    assert str(refused.value) == (
        "fetch.files.test_labels.sha256 is the hash of the compressed file: write that of its content, "
        f"{sha256(b'labels')}"
    )


def test_a_few_bytes_that_stand_for_very_many_are_refused():
    with open_unpacked(io.BytesIO(gzip.compress(bytes(5000)))) as file, pytest.raises(SourceError, match="more than"):
        list(pieces(file, most=4999))

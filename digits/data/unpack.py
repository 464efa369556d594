"""The content of a file, whether it is gzipped or not: the first two bytes decide, not the name."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from typing import IO

# The magic number of gzip, RFC 1952.
GZIP = b"\x1f\x8b"
# No IDX file that this project can use is larger. A few bytes of gzip can stand for any number.
LARGEST = 4 * 2**30


class SourceError(Exception):
    """A source cannot give a file. The message says why."""


def unpacked(data: bytes, key: str, sha256: str) -> bytes:
    """The content of a file as a source has it.

    Args:
        data: the file's bytes.
        key: of the file in `fetch.files`, for messages.
        sha256: what is expected of the content.

    Raises:
        SourceError: it is gzipped and damaged, or larger than `LARGEST`; or `sha256` is that of the compressed bytes.
    """
    if not data.startswith(GZIP):
        return data
    with open_unpacked(io.BytesIO(data)) as file:
        content = read_whole(file)
    refuse_packed_hash(hashlib.sha256(data).hexdigest(), hashlib.sha256(content).hexdigest(), key, sha256)
    return content


def open_unpacked(file: IO[bytes]) -> IO[bytes]:
    """A file that can seek, or its decompressed content if it is gzipped."""
    start = file.read(len(GZIP))
    file.seek(0)
    return gzip.open(file) if start == GZIP else file  # type: ignore[return-value]


def read_whole(file: IO[bytes], most: int = LARGEST) -> bytes:
    """At most `most` bytes of the content of a file.

    Raises:
        SourceError: it is damaged, or holds more.
    """
    try:
        content = file.read(most + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceError(f"not a whole gzip file ({error})") from None
    if len(content) > most:
        raise SourceError(f"holds more than {most // 2**20:,} MiB")
    return content


def refuse_packed_hash(packed: str, content: str, key: str, sha256: str) -> None:
    """Say so if params.yaml has the hash of a compressed file.

    Raises:
        SourceError: it has, with the hash to write instead.
    """
    if sha256 == packed:
        raise SourceError(
            f"fetch.files.{key}.sha256 is the hash of the compressed file: write that of its content, {content}"
        )

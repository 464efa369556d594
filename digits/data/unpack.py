"""The content of a file, whether it is gzipped or not: the first two bytes decide, not the name."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

# The magic number of gzip, RFC 1952.
GZIP = b"\x1f\x8b"
# No IDX file that this project can use is larger. A few bytes of gzip can stand for any number.
LARGEST = 4 * 2**30
_PIECE = 2**20


class SourceError(Exception):
    """A source cannot give a file. The message says why."""


def unpacked(file: IO[bytes], key: str, sha256: str) -> Iterator[bytes]:
    """The content of a file as a source has it, piece by piece.

    Args:
        file: one that can seek.
        key: of the file in `fetch.files`, for messages.
        sha256: what is expected of the content.

    Raises:
        SourceError: it is gzipped and damaged, or larger than `LARGEST`; or `sha256` is that of the compressed bytes.
    """
    with open_unpacked(file) as content:
        if content is not file and (packed := _sha256(iter(lambda: file.read(_PIECE), b""))) == sha256:
            file.seek(0)
            refuse_packed_hash(packed, _sha256(pieces(content)), key, sha256)
        file.seek(0)
        yield from pieces(content)


def open_unpacked(file: IO[bytes]) -> IO[bytes]:
    """A file that can seek, or its decompressed content if it is gzipped."""
    start = file.read(len(GZIP))
    file.seek(0)
    return gzip.open(file) if start == GZIP else file  # type: ignore[return-value]


def pieces(file: IO[bytes], most: int = LARGEST) -> Iterator[bytes]:
    """At most `most` bytes of the content of a file, piece by piece.

    Raises:
        SourceError: it is damaged, or holds more.
    """
    length = 0
    try:
        while piece := file.read(_PIECE):
            length += len(piece)
            if length > most:
                raise SourceError(f"holds more than {most // 2**20:,} MiB")
            yield piece
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceError(f"not a whole gzip file ({error})") from None


def _sha256(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def refuse_packed_hash(packed: str, content: str, key: str, sha256: str) -> None:
    """Say so if params.yaml has the hash of a compressed file.

    Raises:
        SourceError: it has, with the hash to write instead.
    """
    if sha256 == packed:
        raise SourceError(
            f"fetch.files.{key}.sha256 is the hash of the compressed file: write that of its content, {content}"
        )

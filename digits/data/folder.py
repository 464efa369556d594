"""Finding files by their content: in a folder and the folders in it, under any name, plain, gzipped or in a zip."""

from __future__ import annotations

import functools
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from digits.arrays import Rows
from digits.data.idx import open_idx, parse_idx
from digits.data.unpack import GZIP, LARGEST, SourceError, open_unpacked, pieces, refuse_packed_hash

# How deep folders are searched: torchvision's files lie in MNIST/raw/, an unpacked archive may add a folder or two.
DEPTH = 4
# How many files are looked at. More is somebody's home folder.
MOST_FILES = 2000
# How many files a message names.
_LISTED = 6
# An IDX file begins with two zeros, the code of an element type and the number of dimensions.
_ELEMENT_TYPES = frozenset([0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E])
# A zip begins with its first member.
_ZIP = b"PK\x03\x04"
_CHUNK = 2**20


@dataclass(frozen=True)
class Candidate:
    """A file that may be wanted.

    Attributes:
        place: its path from where the search began, within a zip with the path of that first.
        path: on this disk.
        member: of the zip at `path`; empty for a file that is none.
    """

    place: str
    path: Path
    member: str = ""

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The file as it lies there, perhaps gzipped.

        Raises:
            SourceError: it cannot be read.
        """
        try:
            if self.member:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                    yield file
            else:
                with self.path.open("rb") as file:
                    yield file
        except OSError as error:
            raise SourceError(f"{self.place} cannot be read ({error.strerror or error})") from None
        # A member that is encrypted, or compressed in an unknown way, is a RuntimeError.
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise SourceError(f"{self.place} cannot be unpacked ({error})") from None
        except SourceError as error:
            raise SourceError(f"{self.place}: {error}") from None

    @contextmanager
    def open_content(self) -> Iterator[IO[bytes]]:
        """Its content, decompressed.

        Raises:
            SourceError: as `open`.
        """
        with self.open() as file, open_unpacked(file) as content:
            yield content

    def read(self) -> Iterator[bytes]:
        """All of its content, decompressed, piece by piece.

        Raises:
            SourceError: it cannot be read, is damaged or too large.
        """
        with self.open_content() as content:
            yield from pieces(content)

    def array(self) -> Rows:
        """The array of an IDX file. That of a file that is neither compressed nor in a zip stays there.

        Raises:
            SourceError: as `read`.
            DigitsError: it is not a whole IDX file.
        """
        content, packed = self.hashes()
        if content == packed and not self.member:
            return open_idx(self.path, self.place)
        return parse_idx(b"".join(self.read()), self.place)

    def is_called(self, name: str) -> bool:
        """Whether it has a name, with or without `.gz`."""
        return self.place.rpartition("/")[2] in (name, f"{name}.gz")

    def hashes(self) -> tuple[str, str]:
        """SHA-256 of its content, and of the file as it lies there.

        Raises:
            SourceError: as `read`.
        """
        status = self.path.stat()
        return _hashes(self, status.st_size, status.st_mtime_ns)


def find_content(root: Path, name: str, key: str, sha256: str) -> Iterator[bytes]:
    """The content of the file with a hash, wherever it lies in a folder or zip. One with the name is tried first.

    Args:
        root: a folder, a zip, or a file.
        name: of the file at the source.
        key: of the file in `fetch.files`, for messages.
        sha256: of the decompressed content.

    Returns:
        The content, piece by piece.

    Raises:
        SourceError: it is not there; the message lists what is.
    """
    if not root.exists():
        raise SourceError("no such folder")
    seen: list[str] = []
    problems: list[str] = []
    candidates, more = idx_files(root, name)
    for candidate in sorted(candidates, key=lambda candidate: not candidate.is_called(name)):
        try:
            content, packed = candidate.hashes()
        except SourceError as error:
            problems.append(str(error))
            continue
        if content == sha256:
            return candidate.read()
        refuse_packed_hash(packed, content, key, sha256)
        shown = content if candidate.is_called(name) else f"{content[:12]}…"
        seen.append(f"{candidate.place} with {shown}")
    left = len(seen) - _LISTED
    here = ", ".join(seen[:_LISTED]) + (f" and {left} more" if left > 0 else "") or f"no IDX file, {DEPTH} folders deep"
    if more:
        problems.append(f"only {MOST_FILES:,} files were looked at")
    raise SourceError(
        f"no file with the SHA-256 {sha256} of fetch.files.{key} ({name}): there is {here}"
        + "".join(f"; {problem}" for problem in problems[:_LISTED])
        + ("; `digits propose` prints what to write there" if seen else "")
    )


def idx_files(root: Path, name: str = "") -> tuple[list[Candidate], bool]:
    """The files that begin as an IDX file does, or that have a name, in the order of their places.

    Args:
        root: a folder, a zip, or a file.
        name: of a file that is among them whatever it begins with.

    Returns:
        The files, and whether there are more than were looked at.
    """
    found: list[Candidate] = []
    for number, candidate in enumerate(_files(root)):
        if number == MOST_FILES:
            return found, True
        if candidate.is_called(name) or _begins_as_idx(candidate):
            found.append(candidate)
    return found, False


def _files(root: Path) -> Iterator[Candidate]:
    if root.is_file():
        yield from _with_members(Candidate(_printable(root.name), root))
        return
    for folder, below, names in os.walk(root):
        place = Path(folder).relative_to(root)
        # In place: what is left of the list is what os.walk goes into.
        below[:] = sorted(below) if len(place.parts) < DEPTH else []
        for file in sorted(names):
            path = Path(folder, file)
            # Not a pipe, which would wait for its writer.
            if path.is_file():
                yield from _with_members(Candidate(_printable((place / file).as_posix()), path))


def _with_members(candidate: Candidate) -> Iterator[Candidate]:
    """The file itself, or what is in it if it is a zip."""
    try:
        with candidate.path.open("rb") as file:
            is_zip = file.read(len(_ZIP)) == _ZIP
        members = zipfile.ZipFile(candidate.path).infolist() if is_zip else []
    except (OSError, zipfile.BadZipFile):
        is_zip, members = False, []
    if not is_zip:
        yield candidate
    for info in members:
        if not info.is_dir() and info.file_size <= LARGEST:
            yield Candidate(f"{candidate.place}/{_printable(info.filename)}", candidate.path, info.filename)


def _printable(place: str) -> str:
    """A path as one line of text. A file's name may hold anything."""
    return "".join(c if c.isprintable() else "?" for c in place)


def _begins_as_idx(candidate: Candidate) -> bool:
    try:
        with candidate.open_content() as content:
            start = content.read(4)
    # Whatever cannot be read is no file that anybody looks for.
    except SourceError:
        return False
    return len(start) == 4 and start[:2] == b"\0\0" and start[2] in _ELEMENT_TYPES and start[3] > 0


@functools.lru_cache(maxsize=MOST_FILES)
def _hashes(candidate: Candidate, size: int, modified: int) -> tuple[str, str]:
    """Both hashes. The four files of a data set are looked for one after the other, among the same candidates."""
    packed = hashlib.sha256()
    with candidate.open() as file:
        is_packed = file.read(len(GZIP)) == GZIP
        file.seek(0)
        while chunk := file.read(_CHUNK):
            packed.update(chunk)
    if not is_packed:
        return packed.hexdigest(), packed.hexdigest()
    content = hashlib.sha256()
    for piece in candidate.read():
        content.update(piece)
    return content.hexdigest(), packed.hexdigest()

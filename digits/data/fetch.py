"""Fetching the raw data: sources are tried in order, and every file is checked against its SHA-256."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from digits.data.raw import RAW_NAMES
from digits.data.sources import describe, read_file
from digits.data.unpack import SourceError
from digits.errors import DigitsError
from digits.files import atomic_path, sha256_file
from digits.params import FetchParams, RawFile


def fetch_dataset(params: FetchParams, target: Path, parts: Path, say: Callable[[str], None] = print) -> None:
    """Bring the four IDX files into `target`, decompressed, each from the first source that has the right bytes.

    `target` appears complete or not at all. `parts` keeps the files that arrived before an interruption; they are not
    downloaded again.

    Args:
        params: section `fetch`.
        target: the folder to create, usually data/raw.
        parts: a folder for verified files; removed once all four are there.
        say: called with one line for each source that fails and for each file that arrives.

    Raises:
        DigitsError: no source had a file; the message lists each source with its reason.
    """
    wanted: dict[str, RawFile] = {key: getattr(params.files, key) for key in RAW_NAMES}
    parts.mkdir(parents=True, exist_ok=True)
    missing = {key for key in wanted if _hash_of(parts / RAW_NAMES[key]) != wanted[key].sha256}
    failures: list[str] = []
    for source in params.sources:
        if not missing:
            break
        title = describe(source)
        with tempfile.TemporaryDirectory(dir=parts) as scratch:
            for key in [key for key in RAW_NAMES if key in missing]:
                try:
                    with atomic_path(parts / RAW_NAMES[key]) as part:
                        content = read_file(source, key, wanted[key], params.timeout, Path(scratch))
                        _check(_write(content, part), key, wanted[key])
                except SourceError as error:
                    failures.append(f"{title}: {error}")
                    say(f"fetch: {failures[-1]}")
                    break
                missing.discard(key)
                size = (parts / RAW_NAMES[key]).stat().st_size
                say(f"fetch: {RAW_NAMES[key]}, {size:,} bytes, SHA-256 verified, from {title}")
    if missing:
        absent = ", ".join(wanted[key].name for key in RAW_NAMES if key in missing)
        raise DigitsError(f"no source in params.yaml fetch.sources gave {absent} — {'; '.join(failures)}")
    _move(parts, target)


def _move(parts: Path, target: Path) -> None:
    """Move the four files from `parts` to a new `target`, and remove `parts`.

    Only these files: a killed process may have left others in `parts`.
    """
    with atomic_path(target) as folder:
        folder.mkdir()
        for name in RAW_NAMES.values():
            (parts / name).rename(folder / name)
    shutil.rmtree(parts)


def _write(content: Iterator[bytes], path: Path) -> str:
    """Write a file piece by piece, and return its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for piece in content:
            file.write(piece)
            digest.update(piece)
    return digest.hexdigest()


def _check(found: str, key: str, file: RawFile) -> None:
    if found != file.sha256:
        raise SourceError(
            f"wrong bytes for {file.name}, rejected: SHA-256 {found} instead of {file.sha256}, "
            f"which fetch.files.{key}.sha256 expects"
        )


def _hash_of(path: Path) -> str | None:
    return sha256_file(path) if path.is_file() else None

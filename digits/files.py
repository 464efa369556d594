"""Files that are either complete or not there, and hashes that say what is in them."""

import errno
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from digits.errors import DigitsError


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it becomes `path` if the block ends well and vanishes if not.

    Works for a file or a folder that the block creates. An existing file or folder at `path` is replaced, but a folder
    only by a folder.

    Raises:
        IsADirectoryError: the block made a file, and `path` is a folder.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept: Keras and Matplotlib choose their format by it.
    holder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    part = holder / path.name
    try:
        yield part
        # A block that wrote nothing fails here, before the old folder is moved away.
        part.lstat()
        if path.is_dir() and not path.is_symlink():
            if not part.is_dir():
                raise IsADirectoryError(errno.EISDIR, "is a folder, name a file", str(path))
            path.replace(holder / "old")
        part.replace(path)
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write a file atomically."""
    with atomic_path(path) as part:
        part.write_bytes(content)


def write_json(path: Path | str, value: Any) -> None:
    """Write indented JSON atomically, keys in the order given, floats in full precision, NaN refused."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file.

    Raises:
        DigitsError: the file is missing or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise missing(path) from None
    except ValueError as error:
        raise DigitsError(f"{path} is not valid JSON ({error}): run `dvc repro -f`") from None


def missing(path: Path | str) -> DigitsError:
    """The error for a file or folder that a stage makes. DVC takes it away before it runs that stage."""
    return DigitsError(f"{path} is missing: run `dvc repro` to make it, or `dvc checkout` to bring back the last one")


def sha256_file(path: Path | str) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

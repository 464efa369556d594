"""Files that are either complete or not there, and hashes that say what is in them."""

from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digits.errors import DigitsError

if TYPE_CHECKING:
    from pydantic import BaseModel


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


def read_json(path: Path | str, shape: type[BaseModel] | None = None, way_out: str = "", name: str = "") -> Any:
    """Read a JSON file.

    Args:
        path: of the file.
        shape: what it must have; other keys may stand beside.
        way_out: what to do about a file that cannot be read; default is `dvc repro`, which makes those of reports/.
        name: what messages call it; default is its path.

    Raises:
        DigitsError: the file is missing, not JSON, or has another shape.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise missing(path) from None
    except ValueError as error:
        raise damaged(name or path, error, way_out) from None
    return parse_json(text, name or path, shape, way_out)


def parse_json(text: str, name: Path | str, shape: type[BaseModel] | None = None, way_out: str = "") -> Any:
    """As `read_json`, for the text of a file that is called `name`."""
    try:
        value = json.loads(text)
        if shape is not None:
            shape.model_validate(value, strict=True)
    except (ValueError, RecursionError) as error:
        reason = "conflict markers of a git merge" if has_conflict_markers(text) else _first(error)
        raise damaged(name, reason, way_out) from None
    return value


def damaged(path: Path | str, reason: object, way_out: str = "") -> DigitsError:
    """The error for a file that cannot be read.

    Args:
        path: of the file.
        reason: why not; of an error, what fits in a line.
        way_out: as in `read_json`.
    """
    lock = Path("dvc.lock")
    is_merge = lock.is_file() and has_conflict_markers(lock.read_text(encoding="utf-8", errors="replace"))
    command = "git checkout --ours dvc.lock && dvc repro" if is_merge else "dvc repro"
    why = " ".join(str(reason).split())[:120]
    return DigitsError(f"{path} cannot be read ({why}): {way_out or f'`{command}` makes it anew'}")


def has_conflict_markers(text: str) -> bool:
    """Whether git left both sides of a merge in a text, for a person to choose."""
    return re.search(r"^<{7} ", text, re.MULTILINE) is not None


def missing(path: Path | str) -> DigitsError:
    """The error for a file or folder that a stage makes. DVC takes it away before it runs that stage."""
    return DigitsError(f"{path} is missing: run `dvc repro` to make it, or `dvc checkout` to bring back the last one")


def sha256_file(path: Path | str) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first(error: Exception) -> str:
    """The first of the errors that a shape found, with the key where it is; any other error as it is."""
    found = next(iter(getattr(error, "errors", list)()), None)
    if found is None:
        return str(error)
    reason = "a mapping is expected" if found["type"] == "model_type" else found["msg"]
    return ": ".join(filter(None, [".".join(map(str, found["loc"])), reason]))

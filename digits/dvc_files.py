"""The files that DVC keeps: reading them, and the command that repairs one that a kill or a merge left unreadable.

DVC rewrites dvc.lock and its notes in `.dvc/tmp` in place: a kill leaves half of one, and every later command fails.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, RootModel
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from digits.errors import DigitsError
from digits.repair import read_checked

LOCK = Path("dvc.lock")
PIPELINE = Path("dvc.yaml")


class _Item(BaseModel):
    """A dep or an out in dvc.lock."""

    path: str
    md5: str | None = None


class _Stage(BaseModel):
    deps: list[_Item] = []
    outs: list[_Item] = []
    params: dict[str, dict[str, Any]] = {}


class _Lock(BaseModel):
    stages: dict[str, _Stage] = {}


class _Entry(BaseModel):
    md5: str
    relpath: str


class Listing(RootModel[list[_Entry]]):
    """What is in the cache for a folder: its files' digests and names."""


def parse_lock(text: str) -> dict[str, Any]:
    """The stages in the text of a dvc.lock, by name.

    Raises:
        ValueError: it is none.
    """
    content = _yaml(text)
    _Lock.model_validate(content)
    return dict(content.get("stages") or {})


def read_lock(path: Path) -> dict[str, Any]:
    """The stages in a dvc.lock, by name.

    Raises:
        DigitsError: it cannot be read; the message has the command that repairs it.
    """
    return read_checked(path, parse_lock, "{} runs what changed", then=" && dvc repro")


def refuse_unreadable(root: Path) -> None:
    """Refuse to run DVC where it would fail at a file that a merge or a kill left unreadable.

    Args:
        root: the project's folder.

    Raises:
        DigitsError: such a file; the message has the command that repairs it.
    """
    if (root / LOCK).is_file():
        read_lock(root / LOCK)
    kinds: dict[Path, Callable[[str], None]] = {root / PIPELINE: _parse_pipeline}
    if folder := dvc_folder(root):
        kinds |= {folder / name: _parse_config for name in ("config", "config.local")}
    for path, parse in kinds.items():
        if path.is_file():
            read_checked(path, parse, "edit it, or {} takes it back")


def mend_notes(root: Path) -> None:
    """Remove DVC's notes of running commands where a kill tore them. DVC writes them anew.

    Args:
        root: the project's folder.

    Raises:
        DigitsError: a process of DVC's is alive, so it may be writing them.
    """
    folder = dvc_folder(root)
    torn = [note for note in _notes(folder / "tmp") if _is_torn(note)] if folder else []
    if not torn:
        return
    names = [os.path.relpath(note) for note in torn]
    if alive := next(_running_dvc(folder.parent if folder else root), None):
        raise DigitsError(
            f"{names[0]} cannot be read, and dvc is running (process {alive.pid}): wait for its end; if it hangs, "
            f"`kill {alive.pid}`"
        )
    for note, name in zip(torn, names, strict=True):
        note.unlink(missing_ok=True)
        print(f"digits: removed {name}, a note of DVC's that a killed process left torn", file=sys.stderr)


def dvc_folder(root: Path) -> Path | None:
    """DVC's folder of a project: `.dvc` in its folder, or where a larger repository has one for all, above."""
    return next((place / ".dvc" for place in [root, *root.parents] if (place / ".dvc").is_dir()), None)


def _notes(folder: Path) -> Iterator[Path]:
    """DVC's notes of who reads and writes what, and those of its queue, all of them JSON."""
    yield folder / "rwlock"
    yield folder / "exps" / "rwlock"
    yield from (folder / "exps" / "celery" / "broker" / "control").glob("*.exchange")


def _is_torn(note: Path) -> bool:
    try:
        content = json.loads(note.read_bytes())
    except FileNotFoundError:
        return False
    except (ValueError, RecursionError):
        return True
    return note.name == "rwlock" and not isinstance(content, dict)


def _running_dvc(folder: Path) -> Iterator[psutil.Process]:
    """The processes of DVC's within a folder, but for those that started this one."""
    parents = {parent.pid for parent in psutil.Process().parents()}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            names = [Path(word).name for word in process.cmdline()[:4]]
            if "dvc" in names and process.pid not in parents and Path(process.cwd()).is_relative_to(folder):
                yield process


def _yaml(text: str) -> Any:
    try:
        content = YAML(typ="safe").load(text)
    except (YAMLError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not isinstance(content, dict):
        raise ValueError("a mapping is expected")
    return content


def _parse_pipeline(text: str) -> None:
    if not _yaml(text).get("stages"):
        raise ValueError("no stages")


def _parse_config(text: str) -> None:
    from configobj import ConfigObj, ConfigObjError

    try:
        ConfigObj(text.splitlines())
    except ConfigObjError as error:
        raise ValueError(str(error)) from None

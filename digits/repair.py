"""A file that a merge or a kill left unreadable: why, and the command that brings back a good one."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from digits import git
from digits.errors import DigitsError
from digits.files import has_conflict_markers


def read_checked(path: Path, parse: Callable[[str], Any], way_out: str, then: str = "") -> Any:
    """What `parse` makes of the text of a file.

    Args:
        path: of the file, which is there.
        parse: raises ValueError for a text that it cannot read.
        way_out: what to do about such a file, with {} for the command.
        then: what follows the command that brings back a good one.

    Raises:
        DigitsError: it cannot be read; the message has the command.
    """
    content = path.read_bytes()
    try:
        # A byte that is no UTF-8 is a ValueError, too.
        return parse(content.decode())
    except ValueError:
        is_merge = has_conflict_markers(content.decode(errors="replace"))
    name = Path(os.path.relpath(path))
    why = "has conflict markers of a git merge" if is_merge else "cannot be read, it may be torn"
    raise DigitsError(f"{name} {why}: {way_out.format(f'`{command_for(name, parse)}{then}`')}")


def command_for(path: Path, parse: Callable[[str], Any]) -> str:
    """The command that brings back a file which `parse` can read: git's, or else its removal."""
    name = shlex.quote(path.as_posix())
    if git.git("ls-files", "--unmerged", "--", path.name, folder=path.parent):
        sources = {":2": f"git checkout --ours {name}", ":3": f"git checkout --theirs {name}"}
    else:
        sources = {":0": f"git checkout {name}", "HEAD": f"git checkout HEAD {name}"}
    for source, command in sources.items():
        text = git.show(source, path.name, path.parent)
        with suppress(ValueError):
            if text is not None:
                parse(text)
                return command
    return f"rm {name}"

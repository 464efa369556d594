"""What DVC's queue needs of the repository: it works in copies of what git has."""

from __future__ import annotations

import shlex
from pathlib import Path

from digits import git
from digits.errors import DigitsError
from digits.registry.lineage import few
from digits.tracking.untracked import untracked_sources

# In one line.
_MOST_NAMES = 8


def check_queue(who: str) -> None:
    """Refuse where DVC's queue would train, and fail in the end.

    Args:
        who: needs the queue; the message says so.

    Raises:
        DigitsError: there is no commit, the clone lacks objects, or git does not track what a stage needs; the message
            has the way out.
    """
    git.require_commit(who)
    if git.is_shallow():
        # Measured with DVC 3.67: the commits of the copies cannot be fetched from them.
        raise DigitsError(
            "this is a shallow clone, from which DVC's queue brings no result back: `git fetch --unshallow` first"
        )
    if git.lacks_objects():
        # Likewise: its worker dies, and `dvc exp run --run-all` waits for it for ever.
        raise DigitsError(
            "this is a partial clone, and DVC's queue needs the whole history: `git fetch --refetch --no-filter` first"
        )
    if untracked := untracked_sources():
        add = untracked if len(untracked) <= _MOST_NAMES else sorted({Path(name).parts[0] for name in untracked})
        raise DigitsError(
            f"DVC's queue works in copies, which have only files that git tracks, not {few(untracked, _MOST_NAMES)}: "
            f"`git add {' '.join(map(shlex.quote, add))}`, or move away what no stage needs"
        )

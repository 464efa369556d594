"""The processes below another one, while some of them end."""

import psutil


def words_of(process: psutil.Process) -> list[str]:
    """The words of a process's command; none of one that ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        # A zombie is one, too.
        return []

"""The git repository that the project lies in, perhaps in a sub-folder of it. Every git command runs through here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def git(*arguments: str, folder: Path | None = None) -> str | None:
    """Output of a git command, stripped; None where the command fails, or git or the repository is missing.

    Args:
        arguments: of git.
        folder: where to run it; default is the current folder.
    """
    output = git_bytes(*arguments, folder=folder)
    return None if output is None else output.decode(errors="replace").strip()


def git_bytes(*arguments: str, folder: Path | None = None) -> bytes | None:
    """As `git`, byte for byte."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, env=environment(), capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def environment() -> dict[str, str]:
    """The environment for child processes, without git's variables that name another repository.

    Git sets GIT_DIR, GIT_INDEX_FILE and others for its hooks; a child that inherits them would work in the
    repository of the hook, wherever it was started.
    """
    return {key: value for key, value in os.environ.items() if key not in _OF_A_REPOSITORY}


def show(revision: str, path: Path | str) -> str | None:
    """The text of a file in a revision; None where either does not exist. `path` starts at the current folder."""
    # Without "./", git counts the path from the repository's top.
    return git("show", f"{revision}:./{Path(path).as_posix()}")


def commit_of(revision: str) -> str | None:
    """The full hash of the commit that a branch, tag, short hash or other revision means, or None."""
    return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")


# From `git rev-parse --local-env-vars`, without the settings of `git -c`, which belong to no repository.
_OF_A_REPOSITORY = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)

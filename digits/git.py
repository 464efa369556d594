"""The git repository that the project lies in, perhaps in a sub-folder of it. Every git command runs through here.

No command here changes a repository: neither HEAD, nor the index, nor a file.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from digits.errors import DigitsError

# A hook of the user's must not run, and nobody is there to type a password.
_COMMAND = ("git", "-c", f"core.hooksPath={os.devnull}")
_QUIET = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
_FATAL = 128
_START = "git add -A && git commit -m 'Start'"


def git(*arguments: str, folder: Path | None = None) -> str | None:
    """Output of a git command, stripped; None where the command fails, or git or the repository is missing.

    Args:
        arguments: of git.
        folder: where to run it; default is the current folder.

    Raises:
        DigitsError: there is a repository that git refuses to use; the message says why and what to do.
    """
    output = git_bytes(*arguments, folder=folder)
    return None if output is None else output.decode(errors="replace").strip()


def person() -> str:
    """Who does something, for a record: the name that the server or git knows, and this machine's."""
    name = os.environ.get("MLFLOW_TRACKING_USERNAME") or git("config", "user.name") or os.environ.get("USER", "unknown")
    return f"{name} on {socket.gethostname()}"


def git_bytes(
    *arguments: str, folder: Path | None = None, stdin: bytes = b"", index: Path | None = None
) -> bytes | None:
    """As `git`, byte for byte.

    Args:
        arguments: of git.
        folder: where to run it; default is the current folder.
        stdin: what it reads.
        index: a file to take in the place of the repository's index.
    """
    done = _run(*arguments, folder=folder, stdin=stdin, more={"GIT_INDEX_FILE": str(index)} if index else None)
    if done is None:
        return None
    if done.returncode == _FATAL:
        _refuse_unusable(folder)
    return done.stdout if done.returncode == 0 else None


def diff(*arguments: str, folder: Path | None = None) -> bytes | None:
    """Output of `git diff`, byte for byte; None as in `git`.

    It reads a copy of the index, because git writes into the index what it learns about files.
    """
    index = git("rev-parse", "--git-path", "index", folder=folder)
    if index is None:
        return None
    with tempfile.TemporaryDirectory(prefix="digits-git-") as scratch:
        copy = Path(scratch) / "index"
        with suppress(FileNotFoundError):
            # With its time: git looks again into files that were changed in the second in which the index was written.
            shutil.copy2((folder or Path()) / index, copy)
        return git_bytes("diff", *arguments, folder=folder, index=copy)


def names(output: bytes | None) -> list[str]:
    """The names of files in what a git command printed with `-z`; none where it failed."""
    return [os.fsdecode(name) for name in (output or b"").split(b"\0") if name]


def environment() -> dict[str, str]:
    """The environment for child processes, without git's variables that name another repository.

    Git sets GIT_DIR, GIT_INDEX_FILE and others for its hooks; a child that inherits them would work in the
    repository of the hook, wherever it was started.
    """
    return {key: value for key, value in os.environ.items() if key not in _OF_A_REPOSITORY}


def show(revision: str, path: Path | str, folder: Path | None = None) -> str | None:
    """The text of a file in a revision; None where either does not exist.

    Args:
        revision: of git.
        path: from `folder` on.
        folder: within the repository; default is the current folder.
    """
    # Without "./", git counts the path from the repository's top.
    return git("show", f"{revision}:./{Path(path).as_posix()}", folder=folder)


def folder_within(folder: Path | None = None) -> str:
    """A folder of the repository as a path from its top, "." for the top itself; default is the current folder."""
    return (git("rev-parse", "--show-prefix", folder=folder) or ".").rstrip("/")


def main_copy_of(folder: Path) -> Path | None:
    """Where a folder of a worktree lies in the main working copy; None where it is in that, or in no repository."""
    top = git("rev-parse", "--show-toplevel", folder=folder)
    # The main one comes first.
    listed = git("worktree", "list", "--porcelain", folder=folder) or ""
    main = listed.partition("\n")[0].removeprefix("worktree ")
    return None if top is None or main == top else Path(main) / folder_within(folder)


def commit_of(revision: str, folder: Path | None = None) -> str | None:
    """The full hash of the commit that a branch, tag, short hash or other revision means, or None."""
    return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", folder=folder)


def is_shallow(folder: Path | None = None) -> bool:
    """Whether the history is cut off, as in the clones of most CI services."""
    return git("rev-parse", "--is-shallow-repository", folder=folder) == "true"


def is_partial(folder: Path | None = None) -> bool:
    """Whether it was cloned with `--filter`, so that git fetches files when it needs them."""
    return bool(git("config", "--get-regexp", r"^remote\..*\.promisor$", folder=folder))


def lacks_objects(folder: Path | None = None) -> bool:
    """Whether files of HEAD's history are not here, as in a partial clone that was not completed since."""
    if not is_partial(folder):
        return False
    objects = git("rev-list", "--objects", "--missing=print", "--no-object-names", "HEAD", folder=folder) or ""
    return any(line.startswith("?") for line in objects.splitlines())


def remote_address(folder: Path | None = None) -> str | None:
    """The address that `git clone` takes to bring the repository elsewhere; None where there is no repository.

    It is that of the remote `origin`, without a user's name and password, or else the folder of the repository.
    """
    top = git("rev-parse", "--show-toplevel", folder=folder)
    address = git("remote", "get-url", "origin", folder=folder)
    if top is None or address is None:
        return top
    if (Path(top) / address).is_dir():
        return str((Path(top) / address).resolve())
    return re.sub(r"^(https?://)[^/@]*@", r"\1", address)


def has_repository(folder: Path) -> bool:
    """Whether a folder lies in a repository, also where git is not installed."""
    return any((place / ".git").exists() for place in [folder, *folder.parents])


def require_commit(what: str, folder: Path | None = None) -> None:
    """Refuse where there is no commit to start from.

    Args:
        what: needs it, as the start of the message.
        folder: of the project; default is the current folder.

    Raises:
        DigitsError: git, the repository, or its first commit is missing; the message has the command.
    """
    if shutil.which("git") is None:
        raise DigitsError(f"{what} needs git, which is not installed: install it (Debian: `apt-get install git`)")
    if commit_of("HEAD", folder):
        return
    if git("rev-parse", "--git-dir", folder=folder) is None:
        raise no_repository(what)
    raise DigitsError(f"{what} needs a commit to start from, and there is none yet: `{_START}`")


def no_repository(what: str) -> DigitsError:
    """The error where there is no repository: `what` needs one."""
    return DigitsError(f"{what} needs a git repository, and a downloaded archive has none: `git init && {_START}`")


def _refuse_unusable(folder: Path | None = None) -> None:
    """Refuse a repository that is there and that git does not use.

    Args:
        folder: within it; default is the current folder.

    Raises:
        DigitsError: it belongs to another user, its settings are broken, or a worktree's or submodule's repository is
            elsewhere and not there.
    """
    found = _run("rev-parse", "--git-dir", folder=folder)
    if found is None or found.returncode == 0:
        return
    said = found.stderr.decode(errors="replace")
    reason = next(iter(said.splitlines()), "").removeprefix("fatal: ")
    if reason.startswith("not a git repository (or any"):
        return
    if allow := re.search(r"git config --global --add safe\.directory .+", said):
        raise DigitsError(f"this repository belongs to another user, so git refuses it: `{allow[0]}` allows it")
    if missing := re.fullmatch(r"not a git repository: (.+)", reason):
        raise DigitsError(
            f".git names the repository {missing[1]}, which is not there: mount or move it, too, or work in a clone"
        )
    raise DigitsError(f"git cannot use this repository ({reason}): mend what it names, then run the command again")


def _run(
    *arguments: str, folder: Path | None = None, stdin: bytes = b"", more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes] | None:
    """A finished git command; None without git."""
    kept = {key: value for key, value in environment().items() if not _ALTERING.fullmatch(key)}
    try:
        return subprocess.run(
            [*_COMMAND, *arguments],
            cwd=folder,
            env={**kept, **_QUIET, **(more or {})},
            input=stdin,
            capture_output=True,
            check=False,
        )
    except (FileNotFoundError, PermissionError):
        return None


# These change what git prints, whatever the options of a command say.
_ALTERING = re.compile(
    "GIT_(TRACE.*|(LITERAL|GLOB|NOGLOB|ICASE)_PATHSPECS|DIFF_OPTS|EXTERNAL_DIFF|ATTR_SOURCE|NAMESPACE|QUARANTINE_PATH)"
)
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

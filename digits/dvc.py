"""DVC: its lock, its cache, its experiments, its digests, and running it."""

from __future__ import annotations

import functools
import getpass
import hashlib
import json
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from digits import git
from digits.dvc_files import LOCK, Listing, dvc_folder, mend_notes, parse_lock, read_lock, refuse_unreadable
from digits.errors import DigitsError, Terminated
from digits.files import read_json
from digits.paths import project_root

# What the stages write. All other deps in dvc.lock are source code.
_MADE = ("data/", "models/", "reports/")


class Experiment(NamedTuple):
    """A DVC experiment: its git reference, the commit it started from, and its name."""

    ref: str
    baseline: str
    name: str


# --- What DVC wrote -----------------------------------------------------------------------------------------------


def digest(path: Path | str) -> str:
    """The digest under which DVC knows a file or folder: what stands after `md5:` in dvc.lock.

    A folder's is the MD5 of the JSON list of its files' MD5s, with the suffix `.dir`
    (DVC documentation, "Internal directories and files", "Structure of the cache directory").
    """
    path = Path(path)
    if path.is_file():
        return _md5(path)
    files = sorted((p.relative_to(path).as_posix(), p) for p in path.rglob("*") if p.is_file())
    entries = [{"md5": _md5(p), "relpath": name} for name, p in files]
    return hashlib.md5(json.dumps(entries).encode(), usedforsecurity=False).hexdigest() + ".dir"


def locked_stages(revision: str | None = None) -> dict[str, Any]:
    """The stages of dvc.lock by name; empty where there is no dvc.lock.

    Args:
        revision: of git; None reads the file in the current folder.

    Raises:
        DigitsError: the file is torn or has conflict markers; the message says how to repair it.
    """
    if revision is None:
        return read_lock(LOCK) if LOCK.is_file() else {}
    text = git.show(revision, LOCK, project_root())
    try:
        return {} if text is None else parse_lock(text)
    except ValueError:
        raise DigitsError(f"{LOCK} of {revision} cannot be read: choose another revision") from None


def is_up_to_date(stage: str) -> bool:
    """Whether dvc.lock says that a stage has run with the data, model and reports that are there now."""
    deps = [dep for dep in locked_stages().get(stage, {}).get("deps", []) if dep["path"].startswith(_MADE)]
    return bool(deps) and all(Path(dep["path"]).exists() and digest(dep["path"]) == dep.get("md5") for dep in deps)


def locked_params(stages: Iterable[str]) -> dict[str, Any]:
    """The nested parameters with which dvc.lock says that stages ran last."""
    locked = locked_stages()
    found: dict[str, Any] = {}
    for stage in stages:
        found |= locked.get(stage, {}).get("params", {}).get("params.yaml", {})
    return found


def out_digest(path: Path | str, revision: str) -> str | None:
    """The digest of an out in the dvc.lock of a revision, or None."""
    outs = (out for stage in locked_stages(revision).values() for out in stage.get("outs", []))
    return next((out.get("md5") for out in outs if out["path"] == Path(path).as_posix()), None)


def cached(md5: str | None) -> Path | None:
    """The file with a digest in DVC's cache, wherever the configuration puts that; None where it is not there.

    A worktree of git has a cache of its own. What that lacks may be in the one of the main working copy.
    """
    if md5 is None:
        return None
    found = (folder / md5[:2] / md5[2:] for folder in _cache_folders(project_root()))
    return next((path for path in found if path.is_file()), None)


def cached_in_folder(md5: str | None, name: str) -> Path | None:
    """A file of a cached folder, or None where either is not in the cache."""
    return cached(next((entry["md5"] for entry in _listing(md5) if entry["relpath"] == name), None))


def is_cached(md5: str) -> bool:
    """Whether a file, or a folder with all its files, is in DVC's cache."""
    return all(map(cached, [md5, *(entry["md5"] for entry in _listing(md5))]))


def fetch(md5: str) -> bool:
    """Bring a file, or a folder with its files, from DVC's remote into its cache. False where no remote is set.

    Raises:
        OSError: the remote does not answer, or does not have all of it; or it cannot be used.
    """
    from dvc.config import NoRemoteError
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo

    # It would warn of each file that the remote does not have.
    logging.getLogger("dvc").setLevel(logging.CRITICAL)
    try:
        with Repo(str(project_root())) as repo:
            repo.cloud.pull([HashInfo("md5", md5)])
            repo.cloud.pull([HashInfo("md5", entry["md5"]) for entry in _listing(md5)])
    except NoRemoteError:
        return False
    # The library for a kind of remote may not be installed.
    except (DvcException, ImportError) as error:
        raise OSError(str(error)) from None
    if not is_cached(md5):
        raise OSError("the remote did not give it")
    return True


def experiments() -> list[Experiment]:
    """All DVC experiments of the repository, newest first."""
    refs = git.git("for-each-ref", "--sort=-committerdate", "--format=%(refname)", "refs/exps") or ""
    matches = map(re.compile(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38})/(.+)").fullmatch, refs.splitlines())
    return [Experiment(match[0], match[1] + match[2], match[3]) for match in matches if match]


def _listing(md5: str | None) -> list[dict[str, str]]:
    """The files of a cached folder; none where it is not in the cache, or is a file."""
    listing = cached(md5)
    if listing is None or listing.suffix != ".dir":
        return []
    return read_json(listing, Listing, f"`rm {listing}` and `dvc repro` make it anew")


@functools.cache
def _cache_folders(root: Path) -> list[Path]:
    """The cache of a project, and of a worktree also that of the main working copy."""
    roots = [root, git.main_copy_of(root)]
    return [folder for place in roots if place and (folder := _cache_folder(place))]


def _cache_folder(root: Path) -> Path | None:
    """Where DVC's configuration puts the cache; None where `root` is no DVC repository."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            return Path(repo.cache.local.path)
    except DvcException:
        return None


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def combinations(settings: Sequence[str]) -> list[list[str]]:
    """Every combination of values, as `dvc exp run --queue` expands and orders them.

    Args:
        settings: in Hydra's grammar: `section.key=value,value` or `section.key=range(1,4)`.

    Raises:
        DigitsError: a setting cannot be read.
    """
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import get_hydra_sweeps
    from hydra.errors import HydraException

    try:
        return [sweep["params.yaml"] for sweep in get_hydra_sweeps({"params.yaml": list(settings)})]
    except (HydraException, DvcException) as error:
        raise DigitsError(f"-S {' -S '.join(settings)}: {str(error).splitlines()[0]}") from None


def queued_names(name: str, settings: Sequence[str]) -> list[str]:
    """What `dvc exp run --queue -n NAME` calls its experiments, in their order.

    They are numbered where a value is written as a choice or a range, even if that leaves a single one.

    Raises:
        DigitsError: as `combinations`.
    """
    from dvc.utils.hydra import to_hydra_overrides

    count = len(combinations(settings))
    numbered = any(override.is_sweep_override() for override in to_hydra_overrides(list(settings)))
    return [f"{name}-{number}" for number in range(1, count + 1)] if numbered else [name]


# --- Running DVC --------------------------------------------------------------------------------------------------


def run(*command: str) -> None:
    """Run DVC in the project's folder, which is the current one. Its output goes to the terminal.

    Raises:
        DigitsError: a file of its own is unreadable, which the message repairs; or it failed, and has said why.
    """
    refuse_unreadable(Path.cwd())
    mend_notes(Path.cwd())
    process = subprocess.Popen([sys.executable, "-m", "dvc", *command], env=environment())
    try:
        code = process.wait()
    except KeyboardInterrupt:
        # DVC received the same signal and tidies up.
        process.wait()
        raise
    except Terminated:
        # DVC alone would leave its stage running.
        dvc = psutil.Process(process.pid)
        started = [*dvc.children(recursive=True), dvc]
        for one in started:
            with suppress(psutil.NoSuchProcess):
                one.terminate()
        psutil.wait_procs(started)
        raise
    if code != 0:
        raise DigitsError(f"dvc {command[0]} failed, see above")


def works_without_git() -> bool:
    """Whether DVC's settings say that it needs no repository."""
    from dvc.config import Config, ConfigError

    folder = dvc_folder(project_root())
    try:
        return bool(folder and Config(str(folder))["core"].get("no_scm"))
    except ConfigError:
        return False


def environment() -> dict[str, str]:
    """The environment for DVC.

    Its stages find this Python first, also where no environment is activated. Its commits of experiments have an
    author, also where git knows none: DVC would fail, though only where files were changed.
    """
    kept = git.environment()
    # In the copies of DVC's queue and of a rebuild, it would keep a stage from the code of its folder.
    kept.pop("PYTHONSAFEPATH", None)
    identity = {key: value for key, value in _identity().items() if not kept.get(key)}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**kept, **identity, "PATH": path}


def _identity() -> dict[str, str]:
    """Variables that name an author where git's settings do not."""
    found = {}
    try:
        user = getpass.getuser()
    # In a container, the user may have no name. DVC itself would fail.
    except (KeyError, OSError):
        user = found["LOGNAME"] = f"user{os.getuid()}"
    name, email = git.git("config", "user.name"), git.git("config", "user.email")
    if not (name and email):
        for role in ("AUTHOR", "COMMITTER"):
            found[f"GIT_{role}_NAME"] = name or user
            found[f"GIT_{role}_EMAIL"] = email or f"{user}@{socket.gethostname()}"
    return found

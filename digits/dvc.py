"""DVC: its lock, its cache, its experiments, its digests, and running it."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from digits import git
from digits.errors import DigitsError, Terminated
from digits.paths import project_root

LOCK = Path("dvc.lock")
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
    if revision is not None:
        text = git.show(revision, LOCK)
    else:
        text = LOCK.read_text(encoding="utf-8", errors="replace") if LOCK.is_file() else None
    if text is None:
        return {}
    try:
        content = YAML(typ="safe").load(text)
        return dict(content.get("stages") or {}) if content else {}
    except (YAMLError, AttributeError, TypeError, ValueError):
        raise DigitsError(_unreadable_lock(text, revision)) from None


def is_up_to_date(stage: str) -> bool:
    """Whether dvc.lock says that a stage has run with the data, model and reports that are there now."""
    deps = [dep for dep in locked_stages().get(stage, {}).get("deps", []) if dep["path"].startswith(_MADE)]
    return bool(deps) and all(Path(dep["path"]).exists() and digest(dep["path"]) == dep["md5"] for dep in deps)


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
    return next((out["md5"] for out in outs if out["path"] == Path(path).as_posix()), None)


def cached(md5: str | None) -> Path | None:
    """The file with a digest in DVC's cache, wherever the configuration puts that; None where it is not there."""
    if md5 is None:
        return None
    folder = _cache_folder(project_root())
    path = folder / md5[:2] / md5[2:] if folder else None
    return path if path and path.is_file() else None


def cached_in_folder(md5: str | None, name: str) -> Path | None:
    """A file of a cached folder, or None where either is not in the cache."""
    listing = cached(md5)
    if listing is None:
        return None
    entries = json.loads(listing.read_text(encoding="utf-8"))
    return cached(next((entry["md5"] for entry in entries if entry["relpath"] == name), None))


def experiments() -> list[Experiment]:
    """All DVC experiments of the repository, newest first."""
    refs = git.git("for-each-ref", "--sort=-committerdate", "--format=%(refname)", "refs/exps") or ""
    matches = map(re.compile(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38})/(.+)").fullmatch, refs.splitlines())
    return [Experiment(match[0], match[1] + match[2], match[3]) for match in matches if match]


@functools.cache
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


def _unreadable_lock(text: str, revision: str | None) -> str:
    if revision is not None:
        return f"{LOCK} of {revision} cannot be read: choose another revision"
    if re.search(r"^<{7} ", text, re.MULTILINE):
        return (
            f"{LOCK} has conflict markers of a git merge: `git checkout --ours {LOCK} && dvc repro` takes your side "
            "and runs what changed"
        )
    return f"{LOCK} cannot be read, it may be torn: `git checkout {LOCK} && dvc repro` restores it"


def combinations(settings: Sequence[str]) -> list[list[str]]:
    """Every combination of values, as `dvc exp run --queue` expands and orders them.

    Args:
        settings: in Hydra's grammar: `section.key=value,value` or `section.key=range(1,4)`.

    Raises:
        DigitsError: a setting cannot be read.
    """
    from dvc.utils.hydra import get_hydra_sweeps
    from hydra.errors import HydraException

    try:
        return [sweep["params.yaml"] for sweep in get_hydra_sweeps({"params.yaml": list(settings)})]
    except HydraException as error:
        raise DigitsError(f"-S {' -S '.join(settings)}: {str(error).splitlines()[0]}") from None


# --- Running DVC --------------------------------------------------------------------------------------------------


def run(*command: str) -> None:
    """Run DVC, whose output goes to the terminal.

    Raises:
        DigitsError: it failed, and has said why.
    """
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


def environment() -> dict[str, str]:
    """The environment for DVC: its stages find this Python first, also where no environment is activated."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**git.environment(), "PATH": path}

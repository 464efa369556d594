"""The proof of a lineage: the model is trained again in a temporary folder, and its bytes are compared."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from digits import dvc, git, paths
from digits.errors import DigitsError
from digits.files import sha256_file
from digits.registry.lineage import Lineage, not_rebuildable
from digits.tracking import artifacts
from digits.tracking.logged_model import libraries_text
from digits.tracking.processor import processor

if TYPE_CHECKING:
    from mlflow import MlflowClient

# What DVC reads above the project, where a larger repository has one for all.
_OF_DVC = (".dvc", ".dvcignore")


def rebuild(client: MlflowClient, lineage: Lineage) -> str:
    """Train the model again in a temporary folder, from the raw data on. Returns the SHA-256 of what came out.

    The files come out of the repository's objects. A clone would need them all: a shallow or partial one has them not.

    Raises:
        DigitsError: the source is not known completely, or not here; or the pipeline failed.
    """
    root, commit = paths.project_root(), lineage.commit
    reason = not_rebuildable(lineage)
    if commit is None or reason:
        raise DigitsError(f"run {lineage.run_name} cannot be rebuilt: {reason}")
    git.require_commit("--verify", root)
    if git.commit_of(commit, root) is None:
        command = "git fetch --unshallow" if git.is_shallow(root) else "git fetch"
        raise DigitsError(
            f"commit {commit[:12]} is not in this repository: `{command}` brings it, if the remote has it"
        )
    with tempfile.TemporaryDirectory(prefix="digits-lineage-") as scratch:
        project = _check_out(commit, lineage.folder, root, Path(scratch))
        if lineage.dirty:
            patch = artifacts.download(client, lineage.run_id, artifacts.PATCH)
            if patch is None:
                raise DigitsError(f"run {lineage.run_name} cannot be rebuilt: its uncommitted changes were not kept")
            directory = [] if lineage.folder == "." else [f"--directory={lineage.folder}"]
            # A user may have told git to mend white space.
            _call(["git", "apply", "--whitespace=nowarn", *directory, str(patch)], project)
        # The last source of params.yaml, checked against the same hashes as any other.
        if (root / paths.RAW).is_dir():
            shutil.copytree(root / paths.RAW, project / "data" / "local")
        _call([sys.executable, "-m", "dvc", "repro", "train"], project)
        return sha256_file(project / paths.MODEL)


def why_other_bytes(lineage: Lineage) -> str:
    """Why a rebuilt model may have other bytes than the first one: what is not here as it was there."""
    if lineage.processor is None or lineage.cpu is None:
        return "another processor, number of threads or library version gives other last bits"
    reasons, here = [], processor(lineage.cpu)
    if here != lineage.processor and lineage.cpu == "native":
        reasons.append(
            f"train.cpu is native, so the bytes belong to the processor: it was trained on {lineage.processor}, this "
            f"is {here}; one like the first gives the same"
        )
    elif here != lineage.processor:
        reasons.append(
            f"it was trained on {lineage.processor}, this is {here}; train.cpu is portable, which gives the same bytes "
            "on those processors alone on which it was tried"
        )
    now = libraries_text(lineage.workers)
    if lineage.libraries and lineage.libraries != now:
        reasons.append(f"it was trained with {lineage.libraries}, here are {now}")
    return "; ".join(reasons) or "processor and libraries are as they were, so the run lacks a part of its source"


def _check_out(commit: str, folder: str, root: Path, scratch: Path) -> Path:
    """Write the project's files of a commit into a new repository. Returns the project's folder in that.

    The user's repository is read only: an index of our own says what to write. Of a larger repository, the files beside
    the project stay away, but for DVC's own.
    """
    index, top = scratch / "index", scratch / "rebuild"
    if git.git_bytes("read-tree", commit, folder=root, index=index) is None:
        raise DigitsError(f"commit {commit[:12]} cannot be read: `git fsck` says what the repository lacks")
    project = Path(folder)
    above = [project, *project.parents]
    places = ["" if folder == "." else folder, *((place / name).as_posix() for place in above for name in _OF_DVC)]
    wanted = [f":(top,literal){place}" for place in places]
    listed = git.git_bytes("ls-files", "-z", "--full-name", "--", *wanted, folder=root, index=index) or b""
    names = b"".join(name + b"\0" for name in listed.split(b"\0") if name)
    command = ("checkout-index", "--stdin", "-z", f"--prefix={top}{os.sep}")
    repository = git.git("rev-parse", "--show-toplevel", folder=root)
    if not names:
        raise DigitsError(f"commit {commit[:12]} has no files in {folder}")
    if git.git_bytes(*command, folder=Path(repository or root), index=index, stdin=names) is None:
        way_out = "`git fetch --refetch --no-filter` brings them" if git.is_partial(root) else "`git fsck` says which"
        raise DigitsError(f"files of commit {commit[:12]} cannot be read: {way_out}")
    _call(["git", "init", "--quiet", "--template="], top)
    # No cache of DVC's, whatever its settings say: nothing of the first training can leak into this one.
    of_dvc = next((top / place / ".dvc" for place in above if (top / place / ".dvc").is_dir()), top / project / ".dvc")
    of_dvc.mkdir(exist_ok=True)
    (of_dvc / "config.local").write_text(f"[cache]\n    dir = {scratch / 'cache'}\n", encoding="utf-8")
    return top / project


def _call(command: list[str], folder: Path) -> None:
    # Its MLflow store is its own.
    environment = {key: value for key, value in dvc.environment().items() if not key.startswith(("MLFLOW_", "DVC_"))}
    # What it prints on the way is not the answer: to standard error, file descriptor 2.
    done = subprocess.run(command, cwd=folder, env=environment, stdout=2, check=False)
    if done.returncode != 0:
        raise DigitsError(f"the rebuild failed at `{' '.join(command[:4])}`, see above")

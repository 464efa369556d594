"""Where a result comes from: working copy, commit, DVC experiment, and a run name that says what was changed."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from digits.files import dvc_digest
from digits.params import flatten


def project_root(folder: Path | None = None) -> Path:
    """The main working copy, also from within the throw-away copies of `dvc queue` and `dvc exp run --temp`.

    Those lie in `<root>/.dvc/tmp/exps/`, with a git of their own, and are deleted afterwards.
    """
    folder = (folder or Path.cwd()).resolve()
    marker = (".dvc", "tmp", "exps")
    parts = folder.parts
    for at in range(len(parts) - len(marker) + 1):
        if parts[at : at + len(marker)] == marker:
            return Path(*parts[:at])
    return next((f for f in [folder, *folder.parents] if (f / "dvc.yaml").is_file()), folder)


def git(*arguments: str) -> str | None:
    """Output of a git command in the current folder, stripped; None where git or the repository is missing."""
    output = _git_output(*arguments)
    return None if output is None else output.decode(errors="replace").strip()


def _git_output(*arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


# What the pipeline itself writes is no change of the source.
_MADE = ("data/", "models/", "reports/")
_SOURCE = (".", ":!dvc.lock", ":!reports")


def uncommitted_patch(commit: str) -> bytes:
    """The changes of tracked files since `commit`, for `git apply`, byte for byte; empty where there are none."""
    # Against whatever a user has set for reading diffs.
    plain = ("-U3", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
    return _git_output("diff", "--binary", *plain, commit, "--", *_SOURCE) or b""


def is_up_to_date(stage: str, folder: Path | None = None) -> bool:
    """Whether dvc.lock says that a stage has run with the data, model and reports that are there now.

    Args:
        stage: its name.
        folder: the project's; default is the current one.
    """
    folder = folder or Path()
    lock = folder / "dvc.lock"
    stages = (YAML(typ="safe").load(lock) or {}).get("stages", {}) if lock.is_file() else {}
    deps = [dep for dep in stages.get(stage, {}).get("deps", []) if dep["path"].startswith(_MADE)]
    return bool(deps) and all(
        (folder / dep["path"]).exists() and dvc_digest(folder / dep["path"]) == dep["md5"] for dep in deps
    )


def source_tags() -> dict[str, str]:
    """Tags that say which source made a run: git_commit, git_branch, git_dirty, git_changed, dvc_experiment, …"""
    commit = os.environ.get("DVC_EXP_BASELINE_REV") or git("rev-parse", "HEAD")
    tags: dict[str, str] = {}
    if commit:
        # `git diff`, not `git status`: within a queued experiment the changes are committed already.
        changed = git("diff", "--name-only", commit, "--", *_SOURCE)
        untracked = git("ls-files", "--others", "--exclude-standard", "--", "*.py")
        tags |= {
            "git_commit": commit,
            "mlflow.source.git.commit": commit,
            "git_dirty": str(bool(changed)).lower(),
            "git_changed": " ".join((changed or "").split()),
        }
        if untracked:
            # No patch can bring these back.
            tags["git_untracked"] = " ".join(untracked.split())
    if branch := git("branch", "--show-current"):
        tags["git_branch"] = branch
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tags["dvc_experiment"] = experiment
    return tags


def committed_params(commit: str | None) -> dict[str, Any] | None:
    """The flat parameters of params.yaml in a commit; None where git does not have it, or it cannot be read."""
    committed = git("show", f"{commit}:params.yaml") if commit else None
    try:
        return None if committed is None else flatten(YAML(typ="safe").load(committed))
    except (YAMLError, AttributeError):
        return None


def changed_params(params: dict[str, Any], committed: dict[str, Any]) -> dict[str, Any]:
    """The parameters whose values differ from the committed ones; both flat, `train.batch_size`."""
    return {key: value for key, value in params.items() if "." in key and committed.get(key) != value}


def run_name(tags: dict[str, str], changed: dict[str, Any]) -> str:
    """A name by which a person tells runs apart: the experiment or the time, and what was changed.

    Examples: `murky-axe learning_rate=0.002`, `11-22 20:48 main`.
    """
    start = tags.get("dvc_experiment") or f"{datetime.now():%m-%d %H:%M} {tags.get('git_branch', '')}".strip()
    words = [f"{key.rsplit('.', 1)[-1]}={value}" for key, value in changed.items() if not isinstance(value, list)]
    more = [f"+{len(words) - 3} more"] if len(words) > 3 else []
    return " ".join([start, *words[:3], *more])[:120]

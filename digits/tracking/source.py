"""The source of a run: its commit, what was changed since, the DVC experiment, and a name that says so."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from digits import paths
from digits.git import git, git_bytes, show
from digits.params import flatten
from digits.tracking import artifacts

# The outs of the pipeline are no change of the source.
_SOURCE = (".", ":!dvc.lock", ":!reports")


def uncommitted_patch(commit: str) -> bytes:
    """The changes of tracked files since `commit`, for `git apply`, byte for byte; empty where there are none."""
    # These options overrule what a user has set for reading diffs.
    plain = ("-U3", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
    return git_bytes("diff", "--binary", "--relative", *plain, commit, "--", *_SOURCE) or b""


def source_tags() -> dict[str, str]:
    """Tags that say which source made a run: git_commit, git_branch, git_dirty, git_changed, dvc_experiment, …"""
    commit = os.environ.get("DVC_EXP_BASELINE_REV") or git("rev-parse", "HEAD")
    tags: dict[str, str] = {}
    if commit:
        # `git diff`, not `git status`: within a queued experiment the changes are committed already.
        changed = git("diff", "--name-only", "--relative", commit, "--", *_SOURCE)
        untracked = git("ls-files", "--others", "--exclude-standard", "--", "*.py")
        tags |= {
            artifacts.GIT_COMMIT: commit,
            "mlflow.source.git.commit": commit,
            artifacts.GIT_DIRTY: str(bool(changed)).lower(),
            artifacts.GIT_CHANGED: " ".join((changed or "").split()),
        }
        if untracked:
            # No patch can bring these back.
            tags[artifacts.GIT_UNTRACKED] = " ".join(untracked.split())
    if branch := git("branch", "--show-current"):
        tags[artifacts.GIT_BRANCH] = branch
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tags[artifacts.DVC_EXPERIMENT] = experiment
    return tags


def committed_params(commit: str | None) -> dict[str, Any] | None:
    """The flat parameters of params.yaml in a commit; None where git does not have it, or it cannot be read."""
    committed = show(commit, paths.PARAMS) if commit else None
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
    time_and_branch = f"{datetime.now():%m-%d %H:%M} {tags.get(artifacts.GIT_BRANCH, '')}".strip()
    start = tags.get(artifacts.DVC_EXPERIMENT) or time_and_branch
    words = [f"{key.rsplit('.', 1)[-1]}={value}" for key, value in changed.items() if not isinstance(value, list)]
    more = [f"+{len(words) - 3} more"] if len(words) > 3 else []
    return " ".join([start, *words[:3], *more])[:120]

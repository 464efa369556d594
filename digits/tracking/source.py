"""The source of a run: its commit, what was changed since, the DVC experiment, and a name that says so."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from digits import git, paths
from digits.params import SEED_RECIPE, flatten
from digits.tracking import artifacts
from digits.tracking.untracked import untracked_sources

# The outs of the pipeline are no change of the source.
_SOURCE = (".", ":!dvc.lock", ":!reports")
# MLflow keeps 8,000 characters of a tag.
_MOST_CHARACTERS = 6000


def uncommitted_patch(commit: str) -> bytes:
    """The changes of tracked files since `commit`, for `git apply`, byte for byte; empty where there are none."""
    # These options overrule what a user has set for reading diffs.
    plain = ("-U3", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
    return git.diff("--binary", "--relative", *plain, commit, "--", *_SOURCE) or b""


def source_tags() -> dict[str, str]:
    """Tags that say which source made a run: git_commit, git_branch, git_dirty, git_changed, dvc_experiment, …

    Raises:
        DigitsError: there is a repository that git refuses to use: the run would not know its source.
    """
    commit = os.environ.get("DVC_EXP_BASELINE_REV") or git.git("rev-parse", "--verify", "--quiet", "HEAD")
    # `git diff`, not `git status`: within a queued experiment the changes are committed already.
    changes = git.diff("--name-only", "-z", "--relative", commit, "--", *_SOURCE) if commit else None
    tags: dict[str, str] = {}
    if commit and changes is not None:
        tags |= {
            artifacts.GIT_COMMIT: commit,
            "mlflow.source.git.commit": commit,
            artifacts.GIT_FOLDER: git.folder_within(),
            artifacts.GIT_DIRTY: str(bool(changes)).lower(),
            artifacts.GIT_CHANGED: joined(git.names(changes)),
        }
        if untracked := untracked_sources():
            # No patch can bring these back.
            tags[artifacts.GIT_UNTRACKED] = joined(untracked)
    if branch := git.git("branch", "--show-current"):
        tags[artifacts.GIT_BRANCH] = branch
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tags[artifacts.DVC_EXPERIMENT] = experiment
    return tags


def joined(names: Sequence[str]) -> str:
    """Names of files as the text of a tag; where they are too many for one, its last words are "and 12 more"."""
    words: list[str] = []
    room = _MOST_CHARACTERS
    for at, name in enumerate(names):
        # A store of text takes neither bytes that are no text nor a new line.
        word = shlex.quote("".join(character if character.isprintable() else "?" for character in name))
        room -= len(word) + 1
        if room < 0:
            return " ".join([*words, shlex.quote(f"and {len(names) - at} more")])
        words.append(word)
    return " ".join(words)


def split(text: str) -> list[str]:
    """The names in the text of a tag, also of one that an older version wrote without quotes."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def committed_params(commit: str | None, folder: str | None = None) -> dict[str, Any] | None:
    """The flat parameters of params.yaml in a commit; None where git does not have it, or it cannot be read.

    Args:
        commit: of the repository.
        folder: of the project, from the repository's top on; default is where the project is now.
    """
    return _committed(paths.PARAMS, commit, folder)


def committed_recipe(name: str | None, commit: str | None, folder: str | None = None) -> dict[str, Any] | None:
    """The flat parameters that a recipe of a commit sets, those of `seed` below its own; else as `committed_params`."""
    if name is None:
        return None
    recipe = _committed(paths.RECIPES / f"{name}.yaml", commit, folder)
    seed = _committed(paths.RECIPES / f"{SEED_RECIPE}.yaml", commit, folder) or {}
    return None if recipe is None else seed | recipe


def _committed(file: Path, commit: str | None, folder: str | None) -> dict[str, Any] | None:
    """A YAML file of a commit, flat; None where git does not have it, or it cannot be read."""
    if commit is None:
        return None
    root = paths.project_root()
    place = git.folder_within(root) if folder is None else folder
    # Without "./", git counts the path from the repository's top.
    text = git.git("show", f"{commit}:{(Path(place) / file).as_posix()}", folder=root)
    try:
        return None if text is None else flatten(YAML(typ="safe").load(text))
    except (YAMLError, AttributeError, ValueError):
        return None


def changed_params(params: dict[str, Any], committed: dict[str, Any]) -> dict[str, Any]:
    """The parameters whose values differ from the committed ones; both flat, `train.batch_size`."""
    return {key: value for key, value in params.items() if artifacts.of_params(key) and committed.get(key) != value}


def run_name(tags: dict[str, str], changed: dict[str, Any]) -> str:
    """A name by which a person tells runs apart: the experiment or the time, and what was changed.

    Examples: `murky-axe learning_rate=0.002`, `11-22 20:48 main`.
    """
    time_and_branch = f"{datetime.now():%m-%d %H:%M} {tags.get(artifacts.GIT_BRANCH, '')}".strip()
    start = tags.get(artifacts.DVC_EXPERIMENT) or time_and_branch
    words = [f"{key.rsplit('.', 1)[-1]}={value}" for key, value in changed.items() if not isinstance(value, list)]
    more = [f"+{len(words) - 3} more"] if len(words) > 3 else []
    return " ".join([start, *words[:3], *more])[:120]

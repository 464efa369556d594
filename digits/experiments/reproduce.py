"""Run the pipeline through DVC, from any launcher, with a recipe or changed parameters if wanted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digits import dvc, git
from digits.dvc_files import refuse_unreadable
from digits.experiments.queue import check_queue
from digits.params import flatten, override, parse_params, read_params, recipe_settings, setting

# What MLproject passes for a parameter that the user did not give.
UNCHANGED = "unchanged"


def with_recipe(recipe: str, settings: Sequence[str]) -> list[str]:
    """The settings of a recipe, then the given ones, which win.

    Args:
        recipe: name of a file in recipes/; empty for none.
        settings: as for `reproduce`.

    Returns:
        What to set: of the recipe, only what params.yaml says otherwise.

    Raises:
        DigitsError: there is no such recipe, or it does not fit.
    """
    given = _given(settings)
    if not recipe:
        return given
    raw = read_params()
    laid = recipe_settings(recipe, raw)
    present, keys = flatten(raw), {one.partition("=")[0] for one in given}
    return [setting(key, value) for key, value in laid.items() if key not in keys and present.get(key) != value] + given


def check(settings: Sequence[str]) -> None:
    """Refuse what would fail after minutes, or after a store was made, in the project's folder.

    Args:
        settings: as for `reproduce`.

    Raises:
        DigitsError: a setting or a file is not what it must be, or DVC finds no repository; the message has a way out.
    """
    parse_params(_changed(settings))
    refuse_unreadable(Path.cwd())
    if _given(settings):
        git.require_commit("`dvc exp run`")
    elif not git.has_repository(Path.cwd()) and not dvc.works_without_git():
        raise git.no_repository("DVC")


def reproduce(settings: Sequence[str]) -> None:
    """Run `dvc repro`, or `dvc exp run` where parameters are changed.

    Args:
        settings: `section.key=value`, the value in YAML; `unchanged` as value counts as not given.

    Raises:
        DigitsError: a setting does not fit the schema (nothing ran, params.yaml is as it was), or DVC failed, which
            has said why.
    """
    check(settings)
    words = _words(settings)
    dvc.run(*(["exp", "run", *words] if words else ["repro"]))


def enqueue(settings: Sequence[str]) -> None:
    """Put the pipeline with changed parameters into DVC's queue: `dvc exp run --queue`.

    Args:
        settings: as for `reproduce`.

    Raises:
        DigitsError: as `reproduce`; or the repository is not what DVC's queue needs.
    """
    check(settings)
    check_queue("DVC's queue")
    dvc.run("exp", "run", "--queue", *_words(settings))


def _words(settings: Sequence[str]) -> list[str]:
    return [word for one in _given(settings) for word in ("-S", one)]


def _given(settings: Sequence[str]) -> list[str]:
    return [one for one in settings if one.partition("=")[2] != UNCHANGED]


def _changed(settings: Sequence[str]) -> Any:
    """The content of params.yaml with the settings in it."""
    raw = read_params()
    for one in _given(settings):
        override(raw, one)
    return raw

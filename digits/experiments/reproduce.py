"""Run the pipeline through DVC, from any launcher, with changed parameters if wanted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digits import dvc, git
from digits.dvc_files import refuse_unreadable
from digits.params import override, parse_params, read_params

# What MLproject passes for a parameter that the user did not give.
UNCHANGED = "unchanged"


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
    words = [word for setting in _given(settings) for word in ("-S", setting)]
    dvc.run(*(["exp", "run", *words] if words else ["repro"]))


def _given(settings: Sequence[str]) -> list[str]:
    return [setting for setting in settings if setting.partition("=")[2] != UNCHANGED]


def _changed(settings: Sequence[str]) -> Any:
    """The content of params.yaml with the settings in it."""
    raw = read_params()
    for setting in _given(settings):
        override(raw, setting)
    return raw

"""Run the pipeline through DVC, from any launcher, with changed parameters if wanted."""

from __future__ import annotations

from collections.abc import Sequence

from digits import dvc
from digits.params import override, parse_params, read_params

# What MLproject passes for a parameter that the user did not give.
UNCHANGED = "unchanged"


def reproduce(settings: Sequence[str]) -> None:
    """Run `dvc repro`, or `dvc exp run` where parameters are changed.

    Args:
        settings: `section.key=value`, the value in YAML; `unchanged` as value counts as not given.

    Raises:
        DigitsError: a setting does not fit the schema (nothing ran, params.yaml is as it was), or DVC failed, which
            has said why.
    """
    settings = [setting for setting in settings if setting.partition("=")[2] != UNCHANGED]
    raw = read_params()
    for setting in settings:
        override(raw, setting)
    parse_params(raw)
    dvc.run(*(["exp", "run", *(word for setting in settings for word in ("-S", setting))] if settings else ["repro"]))

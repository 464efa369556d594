"""The parameters that tests start from, independent of what a user has set in params.yaml."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

from digits.params import Params, parse_params, read_params

FILE = Path(__file__).with_name("params.yaml")


def raw_params() -> dict[str, Any]:
    """The sections as nested dictionaries, which the caller may change."""
    return copy.deepcopy(_read())


def default_params() -> Params:
    """The same as the stages read them."""
    return parse_params(raw_params())


def changed_params(**values: Any) -> dict[str, Any]:
    """The parameters with some values changed. `train__stop__mode` is `train.stop.mode`; `...` removes the key."""
    raw = raw_params()
    for dotted, value in values.items():
        *sections, key = dotted.split("__")
        place = raw
        for section in sections:
            place = place[section]
        if value is ...:
            del place[key]
        else:
            place[key] = value
    return raw


@cache
def _read() -> dict[str, Any]:
    return read_params(FILE)

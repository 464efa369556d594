"""Cases of a parametrized test that `make test` leaves to `make test-long`."""

from collections.abc import Iterable
from typing import Any

import pytest


def long_after(count: int, cases: Iterable[Any], ids: Iterable[str] | None = None) -> list[Any]:
    """The cases, of which only the first `count` run in `make test`: the others take the same way through the code."""
    cases = list(cases)
    names = list(ids) if ids is not None else [None] * len(cases)
    marks = [() if number < count else pytest.mark.long for number in range(len(cases))]
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=mark, id=name)
        for case, mark, name in zip(cases, marks, names, strict=True)
    ]

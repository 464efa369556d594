"""What cannot be rebuilt is refused. That a rebuild gives the same bytes is in tests/journeys/test_walkthrough.py."""

from dataclasses import replace

import pytest

from digits.errors import DigitsError
from digits.registry.lineage import lineage_of
from digits.registry.rebuild import rebuild
from digits.registry.resolve import resolve_run

pytestmark = pytest.mark.slow


def test_a_source_that_is_not_known_completely_is_refused(store):
    found = lineage_of(store.registry, resolve_run("2", store.registry))
    for broken in (replace(found, commit=None), replace(found, untracked_files=["stages/mine.py"])):
        with pytest.raises(DigitsError, match="cannot be rebuilt: it was made from"):
            rebuild(store.client, broken)

"""`digits rollback`: to the former champion or a named one, and why, for the record."""

import pytest
from support.decisions import assert_refused

from digits.registry.aliases import make_champion
from digits.registry.history import CHAMPION

pytestmark = pytest.mark.slow


def test_it_gives_the_alias_back_and_notes_why(store, digits):
    for number, before in (("2", "1"), ("3", "2")):
        make_champion(store.registry, number, before, "promote", "a test", [])
    assert digits("rollback") == (0, "digits: champion is version 2 again, was 3\n", "")
    assert store.registry.history()[-1].why == "rolled back by hand"
    assert digits("rollback", "--reason", "worse on forms") == (0, "digits: champion is version 1 again, was 2\n", "")
    last = store.registry.history()[-1]
    assert (last.action, last.why, last.after) == ("rollback", "worse on forms", "1")
    assert_refused(digits("rollback"), "digits has no former champion that is still there")
    assert store.registry.aliases()[CHAMPION] == "1"


def test_a_former_champion_goes_by_any_name(store, digits):
    make_champion(store.registry, "2", "1", "promote", "a test", [])
    run_id = store.registry.version("1").run_id
    assert digits("rollback", "--to", run_id) == (0, "digits: champion is version 1 again, was 2\n", "")


def test_what_never_was_champion_is_refused(store, digits):
    assert_refused(digits("rollback", "--to", "3"), "version 3 never was champion: `digits promote 3`")
    assert_refused(digits("rollback", "--to", "champion"), "version 1 is champion already")
    assert_refused(digits("rollback", "--to", "9"), "digits has no version 9")
    assert store.registry.aliases()[CHAMPION] == "1" and len(store.registry.history()) == 3

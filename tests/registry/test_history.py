"""The history of aliases: the rule of rollback."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.registry.history import CHALLENGER, CHAMPION, Change, former_champion, unrecorded


def changes(*steps):
    """A history from ("promote", "2"), ("rollback", "1"), …: the champion's changes."""
    history, champion = [], None
    for action, after in steps:
        history.append(Change(CHAMPION, champion, after, action, "me", "now", "a reason"))
        champion = after
    return history


@pytest.mark.parametrize(
    ("steps", "former"),
    [
        ([], None),
        ([("register", "1")], None),
        ([("register", "1"), ("promote", "2")], "1"),
        ([("register", "1"), ("promote", "2"), ("promote", "3")], "2"),
        ([("register", "1"), ("promote", "2"), ("rollback", "1")], None),
        # Two rollbacks go back two, they do not swap.
        ([("register", "1"), ("promote", "2"), ("promote", "3"), ("rollback", "2")], "1"),
        ([("register", "1"), ("promote", "2"), ("promote", "3"), ("rollback", "2"), ("rollback", "1")], None),
        # To a named version: what came after it is undone.
        ([("register", "1"), ("promote", "2"), ("promote", "3"), ("rollback", "1")], None),
        # After a rollback, promotion goes on from there.
        ([("register", "1"), ("promote", "2"), ("rollback", "1"), ("promote", "3")], "1"),
        # Champion twice.
        ([("register", "1"), ("promote", "2"), ("promote", "1")], "2"),
        # To a version that never was champion: the present one becomes the former one.
        ([("register", "1"), ("promote", "2"), ("rollback", "7")], "2"),
        # The promotion of 3 was recorded, but its process died before it moved the alias.
        ([("register", "1"), ("promote", "2"), ("promote", "3"), ("outside", "2")], "1"),
        # Moved in MLflow's own UI, then back.
        ([("register", "1"), ("outside", "2"), ("rollback", "1"), ("outside", None), ("outside", "4")], "1"),
    ],
)
def test_the_former_champion(steps, former):
    assert former_champion(changes(*steps)) == former


def test_the_challenger_is_no_champion():
    history = changes(("register", "1"), ("promote", "2"))
    history.insert(1, Change(CHALLENGER, None, "9", "register", "me", "now", "why"))
    assert former_champion(history) == "1"


@given(st.lists(st.one_of(st.just("rollback"), st.sampled_from("12345")), max_size=20))
def test_rollbacks_undo_promotions_in_turn(steps):
    history, stack = [], []
    for step in steps:
        champion = stack[-1] if stack else None
        if step == "rollback":
            target = former_champion(history)
            assert target == (stack[-2] if len(stack) > 1 else None)
            if target is None:
                continue
            stack.pop()
        elif step == champion:
            continue
        else:
            target = step
            stack.append(step)
        action = "rollback" if step == "rollback" else "promote"
        history.append(Change(CHAMPION, champion, target, action, "me", "now", "why"))
        assert target == stack[-1]


def test_a_change_by_other_means_is_found():
    history = changes(("register", "1"), ("promote", "2"))
    assert unrecorded(history, CHAMPION, "2") is None
    found = unrecorded(history, CHAMPION, "1")
    assert (found.before, found.after, found.action) == ("2", "1", "outside")
    assert unrecorded(history, CHALLENGER, None) is None and unrecorded([], CHAMPION, "1").before is None

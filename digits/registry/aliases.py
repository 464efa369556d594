"""Moving the aliases champion and challenger, each move on record before it is made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from filelock import FileLock

from digits import paths
from digits.errors import DigitsError
from digits.git import person
from digits.registry.history import CHALLENGER, CHAMPION, Change, NumberTakenError, timestamp, unrecorded

if TYPE_CHECKING:
    from digits.registry.gates import Gate
    from digits.registry.versions import Registry

# Another machine may be between its record and its move of an alias for so long, in seconds.
_PATIENCE = 2
# How often to try again when others move the same alias.
_TRIES = 10


class RegistryChangedError(DigitsError):
    """Somebody else moved an alias between our look and our move."""


def move(
    registry: Registry,
    alias: str,
    before: str | None,
    after: str | None,
    action: str,
    why: str,
    gates: Sequence[Gate] = (),
    probation: str = "",
) -> Change:
    """Move an alias, on record. `after` None removes it.

    Args:
        registry: the registered model, which exists.
        alias: champion or challenger.
        before: the version that the caller saw under the alias; the move is refused if it is another by now.
        after: the version to point to.
        action: register, promote, rollback, …
        why: a sentence for the record.
        gates: what was checked.
        probation: of a new champion, see `Change`.

    Raises:
        RegistryChangedError: another process moved an alias meanwhile; nothing was changed.
        DigitsError: there is no version `after`, or `why` is too long.
    """
    if after is not None:
        registry.version(after)
    with FileLock(paths.state() / "registry.lock"):
        history = _complete_history(registry, alias)
        now = registry.aliases().get(alias)
        if now != before:
            raise _moved(registry, alias, before, now)
        passed = [{"name": g.name, "observed": g.observed, "required": g.required, "passed": g.passed} for g in gates]
        change = Change(alias, before, after, action, person(), timestamp(), why, passed, probation)
        _append(registry, len(history), change)
        if after is None:
            registry.client.delete_registered_model_alias(registry.name, alias)
        else:
            registry.client.set_registered_model_alias(registry.name, alias, after)
        return change


def make_champion(
    registry: Registry,
    number: str,
    before: str | None,
    action: str,
    why: str,
    gates: Sequence[Gate],
    probation: str = "",
) -> Change:
    """Give the alias champion to a version, on record; the alias challenger goes if it was that version's.

    Raises:
        RegistryChangedError: the champion is not `before` any more.
    """
    change = move(registry, CHAMPION, before, number, action, why, gates, probation)
    if registry.aliases().get(CHALLENGER) == number:
        # A newer challenger that comes between stays, and the promotion is no less done.
        with suppress(RegistryChangedError):
            move(registry, CHALLENGER, number, None, action, f"version {number} is champion now")
    return change


def give_first_alias(registry: Registry, number: str, why: str, gates: Sequence[Gate]) -> str:
    """Give a new version its alias: champion if there is none, else challenger. Candidates have no champion.

    Raises:
        DigitsError: others kept moving the alias.
    """
    for _ in range(_TRIES):
        aliases = registry.aliases()
        alias = CHALLENGER if CHAMPION in aliases or registry.is_candidates else CHAMPION
        try:
            move(registry, alias, aliases.get(alias), number, "register", why, gates)
        except RegistryChangedError:
            # A queued experiment registered at the same time.
            continue
        return alias
    raise DigitsError(f"version {number} is registered, but without alias: others keep changing the registry")


def _complete_history(registry: Registry, alias: str) -> list[Change]:
    """The history. A change made by other means, such as MLflow's UI, is recorded first."""
    history = registry.history()
    if unrecorded(history, alias, registry.aliases().get(alias)):
        time.sleep(_PATIENCE)
        history = registry.history()
    if change := unrecorded(history, alias, registry.aliases().get(alias)):
        _append(registry, len(history), change)
        history.append(change)
    return history


def _append(registry: Registry, number: int, change: Change) -> None:
    changes = registry.changes
    if changes is None:
        raise DigitsError(f"there is no registered model {registry.name}: `digits register` makes it")
    try:
        changes.append(number, change)
    except NumberTakenError:
        now = registry.aliases().get(change.alias)
        raise _moved(registry, change.alias, change.before, now) from None


def _moved(registry: Registry, alias: str, before: str | None, now: str | None) -> RegistryChangedError:
    last = next((change for change in reversed(registry.history()) if change.alias == alias), None)
    by = f" by {last.who} at {last.when}" if last else ""
    return RegistryChangedError(
        f"{alias} was moved meanwhile from {_version(before)} to {_version(now)}{by}: nothing changed, "
        "look at `digits history` and decide again"
    )


def _version(number: str | None) -> str:
    return "nothing" if number is None else f"version {number}"

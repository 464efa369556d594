"""Rolling back: the former champion becomes champion again."""

from __future__ import annotations

from digits.errors import DigitsError
from digits.registry.aliases import move
from digits.registry.history import CHAMPION, Change, former_champion, unrecorded
from digits.registry.resolve import resolve
from digits.registry.signature import vouched
from digits.registry.versions import Registry
from digits.tracking.unreachable import allowed


def rollback(registry: Registry, to: str | None, why: str) -> Change:
    """Give the alias champion back to the former champion, or to the version `to`.

    Raises:
        DigitsError: there is no former champion, no such version, its file is not what was registered, or the
            key that the shell names has not signed it; or the server does not allow it.
    """
    champion = registry.aliases().get(CHAMPION)
    history = registry.history()
    existing = [str(version.version) for version in registry.versions()]
    if change := unrecorded(history, CHAMPION, champion):
        history.append(change)
    target = to or former_champion(history, existing)
    if target is None:
        raise DigitsError(f"{registry.name} has no former champion that is still there: nothing to roll back to")
    if target == champion:
        raise DigitsError(f"version {target} is champion already")
    registry.version(target)
    if target not in {change.after for change in history if change.alias == CHAMPION}:
        raise DigitsError(f"version {target} never was champion: `digits promote {target}` compares it first")
    # A champion that cannot be loaded would be worse than the present one.
    vouched(resolve(f"models:/{registry.name}/{target}", lambda: registry)).file()
    with allowed(f"to roll back, champion stays {champion or '(none)'}"):
        return move(registry, CHAMPION, champion, target, "rollback", why)

"""The probation of a champion: once, it is compared with the former one on what was served and labelled since.

Whoever promotes may ask for it (`digits promote --probation 500rows`). It is decided once and recorded: no later look
can change the outcome.
"""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from digits.evaluation.paired import compare_paired, p_text
from digits.git import person
from digits.monitoring.labelled import labelled_images
from digits.registry.history import CHAMPION, Change, NumberTakenError, timestamp
from digits.registry.resolve import resolve
from digits.registry.rollback import rollback

if TYPE_CHECKING:
    from digits.registry.versions import Registry

_KIND = "probation-"


@dataclass(frozen=True)
class Outcome:
    """How a probation ended.

    Attributes:
        champion: the version on probation.
        former: the one that it replaced.
        promoted: when it did, as in the history.
        rows: labelled images by which it was decided.
        wins: images that only the new champion got right.
        losses: images that only the former one did.
        p: McNemar's exact p.
        verdict: `stays` or `rolled back`.
        who: user and host.
        when: UTC, ISO 8601.
    """

    champion: str
    former: str
    promoted: str
    rows: int
    wins: int
    losses: int
    p: float
    verdict: str
    who: str
    when: str

    def __str__(self) -> str:
        """The outcome as a sentence."""
        if not self.rows:
            return f"probation of version {self.champion} is over without a labelled image: it stays"
        grounds = f"{self.rows:,} labelled images, {self.wins} won, {self.losses} lost, {p_text(self.p)}"
        if self.verdict == "stays":
            return f"probation of version {self.champion} is over, it stays: not worse than {self.former} on {grounds}"
        return f"version {self.champion} was worse than {self.former} on {grounds}: rolled back"


def settle(
    registry: Registry, log: Path, classes: int, significance: float, now: datetime.datetime | None = None
) -> Outcome | str | None:
    """Decide the probation of the present champion, if it is on one that is due. A worse champion is rolled back.

    The first labelled images that were served since the promotion decide, by any model: both champions read them.

    Args:
        registry: the registered model.
        log: folder of what was served.
        classes: how many the models know.
        significance: of McNemar's test, in (0, 1).
        now: default is the present.

    Returns:
        The outcome; a sentence on how much is missing where the probation is not over; None without one.

    Raises:
        DigitsError: the log, or one of the two models, cannot be read.
    """
    change = _on_probation(registry)
    if change is None or change.before is None or change.after is None:
        return None
    from digits.model.classifier import load_classifier

    names = (change.before, change.after)
    former, champion = (
        load_classifier(resolve(f"models:/{registry.name}/{name}", lambda: registry).file()) for name in names
    )
    promoted = datetime.datetime.fromisoformat(change.when)
    found = labelled_images(log, champion.side, classes, promoted)
    kind, amount = parse(change.probation)
    if kind == "rows":
        if len(found) < amount:
            return f"probation of version {change.after}: {len(found):,} of {amount:,} labelled images"
        found = found.first(amount)
    else:
        end = promoted + datetime.timedelta(days=amount)
        if (now or datetime.datetime.now(datetime.UTC)) < end:
            return f"probation of version {change.after} ends at {end:%Y-%m-%d %H:%M} UTC"
        found = found.first(sum(time < end for time in found.times))
    facts = (0, 0, 1.0, "stays")
    if len(found):
        comparison = compare_paired(found.right(former), found.right(champion), significance)
        verdict = "rolled back" if comparison.verdict == "worse" else "stays"
        facts = (comparison.wins, comparison.losses, comparison.p_value, verdict)
    outcome = Outcome(change.after, change.before, change.when, len(found), *facts, person(), timestamp())
    return _carry_out(registry, outcome)


def parse(probation: str) -> tuple[str, int]:
    """The kind and the amount of a probation: `7d` is ("days", 7), `500rows` ("rows", 500).

    Raises:
        ValueError: it is neither.
    """
    for suffix, kind in (("rows", "rows"), ("d", "days")):
        number = probation.removesuffix(suffix)
        if number != probation and number.isascii() and number.isdecimal() and int(number):
            return kind, int(number)
    raise ValueError("write a number of days, 7d, or of labelled images, 500rows")


def outcomes(registry: Registry) -> list[Outcome]:
    """All probations that are over, oldest first."""
    return [Outcome(**record) for record in registry.changes.records(_KIND)] if registry.changes else []


def _on_probation(registry: Registry) -> Change | None:
    """The change that put the present champion on probation, where it was not decided yet."""
    champion = registry.aliases().get(CHAMPION)
    last = next((change for change in reversed(registry.history()) if change.alias == CHAMPION), None)
    if last is None or not last.probation or last.after != champion:
        return None
    return None if any(outcome.promoted == last.when for outcome in outcomes(registry)) else last


def _carry_out(registry: Registry, outcome: Outcome) -> Outcome | None:
    """Record an outcome, then act on it. None where another process decided meanwhile."""
    history = registry.changes
    assert history is not None, "a champion has a history"
    try:
        history.add(len(history.records(_KIND)), asdict(outcome), _KIND)
    except NumberTakenError:
        return None
    if outcome.verdict == "rolled back":
        rollback(registry, outcome.former, f"probation: {outcome}")
    return outcome

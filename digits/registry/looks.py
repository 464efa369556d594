"""The looks at the test images, on record: how many models were measured on them beside the present champion.

Each of them is one more chance that an equal model seems better. The level of the promotion test pays for that, see
`digits.evaluation.paired.level`. A model's place in the order is given at the first look at its test results, whatever
command that was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from digits.errors import DigitsError
from digits.git import person
from digits.registry.history import CHAMPION, NumberTakenError, timestamp
from digits.tracking import artifacts

if TYPE_CHECKING:
    from digits.registry.versions import Registry
    from digits.results import Results

_KIND = "look-"
# How often to try again when others record a look at the same time.
_TRIES = 50


@dataclass(frozen=True)
class Look:
    """The first look at a model's test results beside a champion.

    Attributes:
        champion: the version that was champion.
        model_sha256: of the model's file.
        test_sha256: of the test images.
        command: evaluate, compare, report or promote.
        who: user and host.
        when: UTC, ISO 8601.
    """

    champion: str
    model_sha256: str
    test_sha256: str
    command: str
    who: str
    when: str


def number_of(registry: Registry, results: Results, command: str) -> int:
    """The number of a model among those whose test results were looked at beside the present champion.

    The first look is recorded. Where there is no champion there is nothing to decide, and the number is 1.

    Args:
        registry: the registered model.
        results: of the model, which was evaluated.
        command: by which its results are looked at.

    Raises:
        DigitsError: others kept recording looks.
    """
    return record(registry, [results], command)[0]


def record(registry: Registry, models: Iterable[Results], command: str) -> list[int]:
    """As `number_of`, for several models in their order. The champion itself has number 0."""
    from mlflow.exceptions import MlflowException

    number = registry.aliases().get(CHAMPION)
    history = registry.entry.changes
    if number is None or history is None:
        return [1 for _ in models]
    champion_sha256 = registry.version(number).tags.get(artifacts.MODEL_SHA256)
    looks, found = looks_of(registry), []
    for results in models:
        # Of a model that DVC's digest names, its evaluation knows the hash.
        sha256 = results.model_sha256 or results.evaluation["model_sha256"]
        if sha256 == champion_sha256:
            found.append(0)
            continue
        wanted = Look(number, sha256, results.test_sha256, command, person(), timestamp())
        for _ in range(_TRIES):
            if place := _place(looks, wanted):
                break
            try:
                history.add(len(looks), asdict(wanted), _KIND)
                looks.append(wanted)
            except NumberTakenError:
                looks = looks_of(registry)
            except MlflowException as error:
                if error.error_code != "PERMISSION_DENIED":
                    raise
                # Whoever may only read can decide nothing either.
                place = 1 + sum((one.champion, one.test_sha256) == (number, wanted.test_sha256) for one in looks)
                break
        else:
            raise DigitsError("others keep recording looks at the test images: try again")
        found.append(place)
    return found


def looks_of(registry: Registry) -> list[Look]:
    """All recorded looks, oldest first. Whoever may register candidates records them, so theirs has them."""
    history = registry.entry.changes
    return [Look(**look) for look in history.records(_KIND)] if history else []


def count(registry: Registry, test_sha256: str, besides: str = "") -> int:
    """How many models were looked at on these test images beside any champion.

    Args:
        registry: the registered model.
        test_sha256: of the test images.
        besides: SHA-256 of a model that does not count.
    """
    seen = {look.model_sha256 for look in looks_of(registry) if look.test_sha256 == test_sha256}
    return len(seen - {besides})


def _place(looks: list[Look], wanted: Look) -> int | None:
    """The number of a model among the looks beside its champion on its images, or None where it is not there."""
    beside = [
        look.model_sha256
        for look in looks
        if look.champion == wanted.champion and look.test_sha256 == wanted.test_sha256
    ]
    return beside.index(wanted.model_sha256) + 1 if wanted.model_sha256 in beside else None

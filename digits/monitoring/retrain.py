"""Training on what people corrected, where there are enough corrections and the champion is worse on them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout

from digits import paths
from digits.data.feedback import read_feedback, side_of
from digits.errors import DigitsError
from digits.experiments.reproduce import reproduce
from digits.git import person
from digits.monitoring.collect import Collected, collect, track
from digits.params import flatten, setting
from digits.registry.history import CHALLENGER, CHAMPION, NumberTakenError, timestamp
from digits.registry.lineage import typed
from digits.registry.resolve import resolve

if TYPE_CHECKING:
    from digits.model.classifier import Classifier
    from digits.params import Params
    from digits.registry.model import Model
    from digits.registry.versions import Registry

_KIND = "retrain-"
# Decide what a model is trained on and how.
_SECTIONS = ("recipe", "preprocess.", "train.")


@dataclass(frozen=True)
class Retraining:
    """What a call did, or why it did nothing.

    Attributes:
        champion: the version that was champion.
        images: feedback that it was not trained on, by which it was judged.
        right: how many of them it read right.
        accuracy: its accuracy on validation images, 0 to 1.
        p: of "it is as good on the feedback", one-sided.
        challenger: the version that came of it; None where nothing was trained, or the gates refused.
        what: the outcome in words.
        who: user and host.
        when: UTC, ISO 8601.
    """

    champion: str
    images: int
    right: int
    accuracy: float
    p: float
    challenger: str | None
    what: str
    who: str
    when: str

    def __str__(self) -> str:
        """The outcome as a sentence."""
        return self.what


def retrain(registry: Registry, log: Path, params: Params, at_least: int, times: int) -> tuple[Collected, Retraining]:
    """Collect what was labelled, and where that is called for train on it as a DVC experiment.

    It is called for where there are `at_least` images that the champion was not trained on, and the champion reads
    fewer of them right than of its validation images (binomial test, one-sided, at `register.promotion.significance`).
    Nothing is promoted.

    Args:
        registry: the registered model.
        log: folder of what was served.
        params: all of them.
        at_least: how many images.
        times: how often each image stands among the training images.

    Returns:
        What was collected, and what was done, which is on record as well.

    Raises:
        DigitsError: there is no champion, another call is under way, or what `collect` and `reproduce` raise.
    """
    lock = FileLock(paths.state() / "retrain.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DigitsError("another `digits retrain` is under way") from None
    try:
        champion = resolve(f"models:/{registry.name}@{CHAMPION}", lambda: registry)
        found = collect(log, paths.FEEDBACK, paths.RAW, params)
        track()
        return found, _record(registry, _retrain(registry, champion, params, at_least, times))
    finally:
        lock.release()


def _retrain(registry: Registry, champion: Model, params: Params, at_least: int, times: int) -> Retraining:
    from scipy.stats import binomtest

    from digits.model.classifier import load_classifier

    assert champion.number is not None, "an alias names a version"
    significance = params.register_.promotion.significance
    images, right = _judged(champion, load_classifier(champion.file()), params)
    accuracy = float(champion.results.training["val_accuracy"])
    p = float(binomtest(right, images, accuracy, alternative="less").pvalue) if images else 1.0
    grounds = f"version {champion.number} read {right:,} of {images:,} labelled images right"

    def done(what: str, challenger: str | None = None) -> Retraining:
        return Retraining(champion.number or "", images, right, accuracy, p, challenger, what, person(), timestamp())

    if images < at_least:
        return done(
            f"nothing trained: {images:,} labelled images that the champion does not know, {at_least:,} are needed"
        )
    if p >= significance:
        return done(f"nothing trained: {grounds}, no evidence that it is worse than {accuracy:.2%}")
    before = registry.aliases().get(CHALLENGER)
    reproduce(settings_of(champion, params, times))
    number = registry.aliases().get(CHALLENGER)
    if number is None or number == before:
        return done(f"trained: {grounds}; the gates of registration refuse what came of it")
    return done(f"trained: {grounds}; version {number} is challenger, `digits promote` decides", number)


def retrainings(registry: Registry) -> list[Retraining]:
    """What calls did, oldest first."""
    return [Retraining(**record) for record in registry.changes.records(_KIND)] if registry.changes else []


def settings_of(champion: Model, params: Params, times: int) -> list[str]:
    """What to set for the champion's own recipe with the feedback: `section.key=value`, as DVC takes it.

    Args:
        champion: the model.
        params: those of params.yaml.
        times: how often each image stands among the training images.
    """
    present, trained = flatten(params), typed(champion.results.params)
    wanted = {
        key: trained[key]
        for key, value in present.items()
        if key.startswith(_SECTIONS) and key in trained and trained[key] != value
    }
    extra = sorted({*champion.results.extra, str(paths.FEEDBACK)})
    wanted |= {"preprocess.extra": extra, "preprocess.extra_times": times}
    return [setting(key, value) for key, value in wanted.items()]


def _judged(champion: Model, classify: Classifier, params: Params) -> tuple[int, int]:
    """How many images of the feedback the champion was not trained on, and how many of them it reads right."""
    feedback = read_feedback(paths.FEEDBACK, params.validate_.side)
    table = feedback.table
    known = np.zeros(len(table), bool)
    if str(paths.FEEDBACK) in champion.results.extra and champion.run is not None:
        # As the table has times.
        begun = datetime.fromtimestamp(champion.run.info.start_time / 1000, UTC).isoformat(timespec="microseconds")
        known = np.array([side_of(sha256) == "train" for sha256 in table["sha256"]]) & (table["labelled"] < begun)
    unknown = np.flatnonzero(~known)
    if not len(unknown):
        return 0, 0
    read = classify(feedback.images[unknown]).argmax(axis=1)
    return len(unknown), int((read == table["label"].to_numpy(np.int64)[unknown]).sum())


def _record(registry: Registry, outcome: Retraining) -> Retraining:
    history = registry.changes
    assert history is not None, "a champion has a history"
    while True:
        try:
            history.add(len(history.records(_KIND)), asdict(outcome), _KIND)
        except NumberTakenError:
            continue
        return outcome

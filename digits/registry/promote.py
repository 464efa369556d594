"""Promoting: a model becomes champion if it passes all gates against the present champion on the same test images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from digits import paths
from digits.data.dataset import Dataset
from digits.data.extra import read_extra
from digits.errors import DigitsError
from digits.registry import signature
from digits.registry.aliases import make_champion
from digits.registry.gates import Evidence, Gate, check, failed
from digits.registry.history import CHAMPION
from digits.registry.looks import number_of
from digits.registry.model import Model
from digits.registry.register import Registration, register
from digits.registry.resolve import resolve
from digits.registry.sign import sign
from digits.registry.versions import Registry
from digits.results import Results
from digits.tracking.find import class_names_of
from digits.tracking.unreachable import allowed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from digits.model.classifier import Classifier
    from digits.params import EvaluateParams, Params, RegisterParams


@dataclass(frozen=True)
class Promotion:
    """What came of promoting.

    Attributes:
        registration: of a model that was no version yet; None where it was one.
        version: the model's number; None where it is not registered.
        champion: the number of the champion that it was compared with; None if there was none.
        gates: all of them; empty where registering was refused.
        promoted: whether the version is champion now.
        is_candidate: whether `version` is the number of a candidate.
    """

    registration: Registration | None
    version: str | None
    champion: str | None = None
    gates: list[Gate] = field(default_factory=list)
    promoted: bool = False
    is_candidate: bool = False

    @property
    def failed(self) -> list[str]:
        """The names of the gates that refuse."""
        return failed(self.gates)


def promote(
    registry: Registry,
    model: Model,
    params: Params,
    *,
    why: str = "",
    force: bool = False,
    dry_run: bool = False,
    probation: str = "",
    key: Ed25519PrivateKey | None = None,
) -> Promotion:
    """Make a model champion if the gates pass. A model that is no version yet is registered first.

    Where candidates have a registered model of their own, the champion is a copy of one of its versions.

    Args:
        registry: the registered model.
        model: with its run.
        params: sections `register` and `evaluate` are used.
        why: a sentence for the record; default says that all gates passed.
        force: promote though a gate against the champion fails.
        dry_run: check the gates, change nothing.
        probation: `7d` or `500rows`, after which `digits monitor` compares both champions once; empty for none.
        key: to sign the version with; None leaves it as it is.

    Raises:
        DigitsError: the model is champion already, or cannot be scored; or the shell names a key for checking, and
            that has not signed the version; or the server does not allow it.
        RegistryChangedError: another process moved the alias meanwhile; nothing was changed.
    """
    registration, number = None, _number_in(registry, model)
    candidate = registry.candidates is not None and number is None
    if candidate:
        number = _number_in(registry.entry, model)
    if number is None:
        registration = register(registry, model, params.register_, dry_run)
        number = registration.version
        if registration.refused:
            return Promotion(registration, None)
    champion, gates = assess(registry, model, params.register_, params.evaluate)
    refused = failed(gates)
    if dry_run or number is None or (refused and not force):
        return Promotion(registration, number, champion, gates, is_candidate=candidate)
    if probation and champion is None:
        raise DigitsError("--probation compares with the former champion, and there is none: promote without it")
    with allowed(f"to promote, champion stays {champion or '(none)'}"):
        if candidate:
            number = registry.copy(registry.entry.version(number))
        if key is not None:
            sign(registry, number, key)
        if signature.public_key_file():
            # Whoever asks for signatures would be left without a champion.
            signature.check_version(registry.version(number))
        action = "promote (forced)" if refused else "promote"
        make_champion(registry, number, champion, action, why or "all gates passed", gates, probation)
    return Promotion(registration, number, champion, gates, promoted=True)


def assess(
    registry: Registry, model: Model, params: RegisterParams, evaluate: EvaluateParams
) -> tuple[str | None, list[Gate]]:
    """Measure a model, registered or not, against the champion. Changes nothing.

    Both are scored on the same test images: a champion whose recorded score is on other test data is scored anew.

    Returns:
        The champion's version (None if there is none) and the gates. A champion that cannot be read any more, or does
        other work than the model, is a gate that fails: `force` can still replace it.

    Raises:
        DigitsError: the model is champion already, or cannot be scored.
    """
    from digits.model.classifier import load_classifier, median_latency_ms

    number = registry.aliases().get(CHAMPION)
    if number is not None and number == _number_in(registry, model):
        raise DigitsError(f"version {number} is champion already")
    # A model without figures is refused before it is loaded.
    _ = model.results.metrics, model.results.predictions
    file = model.file()
    classifiers = [load_classifier(file)]
    before, unreadable, feedback = None, "", None
    if number is not None:
        try:
            champion = resolve(f"models:/{registry.name}/{number}", lambda: registry)
            classifiers.append(load_classifier(champion.file()))
            _refuse_other_task(champion, classifiers[1], model, classifiers[0])
            before = _on_test_images(champion, classifiers[1], model.results.test_sha256, evaluate)
            feedback = _on_feedback((champion.results, model.results), (classifiers[1], classifiers[0]), evaluate)
        except DigitsError as error:
            unreadable = str(error)
    if len({type(classifier) for classifier in classifiers}) > 1:
        # A model of an earlier version has no twin, which would win by its library alone.
        classifiers = [load_classifier(one.file(), allow_twin=False) for one in (model, champion)]
    latencies = median_latency_ms(classifiers)
    evidence = Evidence(
        model.results,
        file.stat().st_size / 1e6,
        latencies[0],
        before,
        latencies[-1],
        number_of(registry, model.results, "promote"),
        feedback,
        bool(model.results.extra),
    )
    gates = check(evidence, params)
    if unreadable:
        gates.append(Gate("Compared with the champion", unreadable, "the same classes and images", False, 0, 1))
    return number, gates


def _number_in(registry: Registry, model: Model) -> str | None:
    """The number of a model among the versions of a registered model, or None."""
    if model.version is not None and model.version.name == registry.name:
        return model.number
    version = registry.version_of(model.sha256, class_names_of(model.results))
    return str(version.version) if version else None


def _refuse_other_task(champion: Model, its: Classifier, model: Model, ours: Classifier) -> None:
    """Refuse to compare models that do different work.

    Raises:
        DigitsError: they take images of different sizes, or tell different classes apart.
    """
    if its.side != ours.side:
        raise DigitsError(
            f"the champion takes images of {its.side}×{its.side} pixels, this model of {ours.side}×{ours.side}"
        )
    if its.classes != ours.classes:
        raise DigitsError(f"the champion tells {its.classes} classes apart, this model {ours.classes}")
    pairs = zip(champion.results.names_of(its.classes), model.results.names_of(ours.classes), strict=True)
    for label, (theirs, name) in enumerate(pairs):
        if theirs != name:
            raise DigitsError(f"the champion calls class {label} {theirs!r}, this model {name!r}")


def _on_feedback(
    results: tuple[Results, Results], classifiers: tuple[Classifier, Classifier], params: EvaluateParams
) -> tuple[np.ndarray, np.ndarray] | None:
    """Which test images of the further data sets two models get right; None where neither was trained with such."""
    folders = sorted({folder for one in results for folder in one.extra})
    tests = [one["test"] for one in read_extra(folders, classifiers[0].side, classifiers[0].classes)]
    tests = [test for test in tests if len(test.labels)]
    if not tests:
        return None
    images = np.concatenate([np.asarray(test.images) for test in tests])
    labels = np.concatenate([test.labels for test in tests])
    before, after = (classify(images, params.batch_size).argmax(axis=1) == labels for classify in classifiers)
    return before, after


def _on_test_images(champion: Model, classify: Classifier, test_sha256: str, params: EvaluateParams) -> Results:
    """The champion's results on the test images of `test_sha256`, scored anew if need be."""
    results = champion.results
    if results.test_sha256 == test_sha256:
        # What cannot be read is known here, not within a gate.
        _ = results.metrics, results.predictions
        return results
    from digits.evaluation.scores import predictions_frame, score

    dataset = Dataset(paths.PROCESSED)
    if dataset.facts["test_sha256"] != test_sha256:
        raise DigitsError(
            "the champion was scored on other test data, and data/processed is not the candidate's: "
            "run `dvc repro` for the candidate's parameters first"
        )
    actual = dataset.labels("test")
    probabilities = classify(dataset.arrays("test")[0], params.batch_size)
    metrics = score(actual, probabilities, dataset.class_names, params.confidence, params.calibration_bins)
    return results.scored_anew(metrics, predictions_frame(actual, probabilities), test_sha256)

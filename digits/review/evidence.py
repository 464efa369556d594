"""The model in models/ against that of another commit: on the validation images, and by the gates of promotion."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from digits import dvc, paths
from digits.data.dataset import Dataset
from digits.errors import DigitsError
from digits.evaluation.intervals import wilson_interval
from digits.evaluation.paired import PairedComparison, compare_paired
from digits.files import sha256_file
from digits.registry.gates import Evidence, Gate, check
from digits.registry.history import CHAMPION
from digits.registry.promote import promote
from digits.registry.resolve import resolve, resolve_run
from digits.results import working_copy
from digits.tracking import artifacts

if TYPE_CHECKING:
    from pathlib import Path

    from digits.model.classifier import Classifier
    from digits.params import Params
    from digits.registry.model import Model
    from digits.registry.versions import Registry
    from digits.results import Results

# What a comparison reads of another commit's model.
_NEEDED = (paths.MODEL, paths.TWIN, paths.EVALUATION, paths.PREDICTIONS)

_SAME = "it is the same model file"


@dataclass(frozen=True)
class OnValidation:
    """How good the model in models/ is on the validation images.

    Attributes:
        n: images.
        accuracy: share that it gets right, 0 to 1.
        low: lower end of Wilson's interval of `accuracy`.
        high: its upper end.
        confidence: of the interval.
        paired: against the other model on the same images; None where they were not compared.
        why_not: the reason for that.
    """

    n: int
    accuracy: float
    low: float
    high: float
    confidence: float
    paired: PairedComparison | None
    why_not: str = ""

    @property
    def same_model(self) -> bool:
        """Whether the other model has the same bytes."""
        return self.why_not == _SAME


@dataclass(frozen=True)
class Gates:
    """The gates of a promotion, and what the model was measured against."""

    against: str
    gates: list[Gate]


def model_of(commit: str, registry: Registry) -> Model:
    """The model of a commit, whose files are brought from DVC's remote where there is one.

    Args:
        commit: full hash.
        registry: the registered model.

    Raises:
        DigitsError: the commit has no model, or it is nowhere to be had.
    """
    for path in _NEEDED:
        md5 = dvc.out_digest(path, commit)
        # What a remote does not give is missed below, with a way out.
        with suppress(OSError):
            _ = md5 is None or dvc.is_cached(md5) or dvc.fetch(md5)
    model = resolve(commit, lambda: registry)
    model.file()
    return model


def on_validation(base: Model | None, commit: str, params: Params) -> OnValidation:
    """Score the model in models/, and if possible another one, on the validation images of data/processed.

    Args:
        base: the other model, or None.
        commit: where `base` comes from. It saw none of these images in training if its data/processed is the same.
        params: sections `evaluate` and `register` are used.

    Raises:
        DigitsError: there are no such images or no model, see `dvc repro`.
    """
    dataset, confidence = Dataset(paths.PROCESSED), params.evaluate.confidence
    images, labels = dataset.arrays("validation")[0], dataset.labels("validation")
    if len(labels) == 0:
        raise DigitsError("data/processed has no validation images")

    def right(file: Path) -> np.ndarray:
        return _classifier(file)(images, params.evaluate.batch_size).argmax(axis=1) == labels

    mine = right(paths.MODEL)
    low, high = wilson_interval(int(mine.sum()), len(mine), confidence)
    paired, why_not = None, ""
    if base is None:
        why_not = "the other model is not here"
    elif base.sha256 == sha256_file(paths.MODEL):
        why_not = _SAME
    elif dvc.out_digest(paths.PROCESSED, commit) != dvc.digest(paths.PROCESSED):
        why_not = "the other model was trained on other data, perhaps on some of these images"
    else:
        paired = compare_paired(right(base.file()), mine, params.register_.promotion.significance)
    return OnValidation(len(mine), float(mine.mean()), low, high, confidence, paired, why_not)


def gates_of(registry: Registry, base: Model | None, title: str, params: Params) -> Gates:
    """The gates of `digits promote --dry-run` for the model in models/.

    Where the store's champion is this very model, or there is none, as in the store of a CI job of its own, the model
    of the base takes the champion's place, without the gates of the feedback. Nothing is changed, but that the look at
    the test images is recorded.

    Args:
        registry: the registered model.
        base: the model of the base; None where it is not here.
        title: what people call the base.
        params: sections `register` and `evaluate` are used.

    Raises:
        DigitsError: the model cannot be measured.
    """
    champion, sha256 = registry.aliases().get(CHAMPION), sha256_file(paths.MODEL)
    if champion and registry.version(champion).tags.get(artifacts.MODEL_SHA256) != sha256:
        outcome = promote(registry, resolve_run(str(paths.MODEL), registry), params, dry_run=True)
        registration = outcome.registration
        refused = registration.gates if registration and registration.refused else []
        return Gates(f"champion version {champion}", refused or outcome.gates)
    mine, size = working_copy(), paths.MODEL.stat().st_size / 1e6
    if base is None or base.sha256 == sha256 or base.results.test_sha256 != mine.test_sha256:
        return Gates("no other model", alone(paths.MODEL, mine, params))
    from digits.model.classifier import median_latency_ms

    latencies = median_latency_ms([_classifier(file) for file in (paths.MODEL, base.file())])
    evidence = Evidence(mine, size, latencies[0], base.results, latencies[1])
    return Gates(f"the model of {title}, which stands in for the champion", check(evidence, params.register_))


def alone(file: Path, results: Results, params: Params) -> list[Gate]:
    """The gates of a model that is compared with no other.

    Args:
        file: of the model; its time for one image is measured.
        results: of the same model.
        params: section `register` is used.

    Raises:
        DigitsError: the model cannot be measured.
    """
    from digits.model.classifier import median_latency_ms

    (latency,) = median_latency_ms([_classifier(file)])
    return check(Evidence(results, file.stat().st_size / 1e6, latency), params.register_)


def _classifier(file: Path) -> Classifier:
    from digits.model.classifier import load_classifier

    return load_classifier(file)

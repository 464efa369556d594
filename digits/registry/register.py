"""Registering: a model becomes a version if it passes the gates that need no champion."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from digits import paths
from digits.registry import sums, version_files
from digits.registry.aliases import give_first_alias
from digits.registry.description import description
from digits.registry.gates import Evidence, Gate, check, failed
from digits.registry.history import CHAMPION
from digits.registry.looks import count, number_of
from digits.registry.model import Model
from digits.registry.model_card import model_card
from digits.registry.pull import collect
from digits.registry.versions import Registry
from digits.tracking import artifacts
from digits.tracking.find import class_names_of

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from digits.params import RegisterParams

# Carried from the run to the version, so that a version explains itself.
_FROM_RUN = (
    artifacts.MODEL_SHA256,
    artifacts.TWIN_SHA256,
    artifacts.DATA_DIGEST,
    artifacts.TEST_SHA256,
    artifacts.GIT_COMMIT,
    artifacts.GIT_DIRTY,
    artifacts.DVC_EXPERIMENT,
)
_GATES_TAG = "gates"


@dataclass(frozen=True)
class Registration:
    """What came of registering.

    Attributes:
        version: its number; None where a gate refused, or where it is a dry run.
        gates: those that need no champion.
        alias: what the version was given now; None if it was registered before.
    """

    version: str | None
    gates: list[Gate]
    alias: str | None = None

    @property
    def refused(self) -> bool:
        """Whether a gate refused the model."""
        return self.version is None and bool(failed(self.gates))

    def __str__(self) -> str:
        """The outcome as a sentence."""
        if self.refused:
            return f"not registered, the gates refuse: {', '.join(failed(self.gates))}"
        if self.version is None:
            return "not registered, but would be: dry run"
        if self.alias is None:
            return f"this model is version {self.version} already"
        return f"registered as version {self.version}, {self.alias}"


def register(registry: Registry, model: Model, params: RegisterParams, dry_run: bool = False) -> Registration:
    """Register a model as a new version if it passes the gates and is not registered yet.

    The first version becomes champion, any later one challenger. Where there is another registered model for
    candidates, the version is one of that, and challenger.

    Args:
        registry: the registered model.
        model: with its run.
        params: section `register`.
        dry_run: check the gates, change nothing.

    Raises:
        DigitsError: the model has no run in the store, or was never evaluated.
    """
    run = model.require_run()
    if model.results.is_evaluated:
        number_of(registry, model.results, "evaluate")
    looks = count(registry, model.results.test_sha256, besides=model.sha256)
    registry = registry.entry
    present = registry.version_of(model.sha256, class_names_of(model.results))
    if present and _has_its_alias(registry, str(present.version)):
        return Registration(str(present.version), _gates_of(registry, present))
    if present:
        # Its registration was interrupted before it had an alias.
        gates, number = _gates_of(registry, present) or _check(model, params), str(present.version)
    else:
        gates = _check(model, params)
        if dry_run or failed(gates):
            return Registration(None, gates)
        registry.create()
        number = _create_version(registry, model, gates)
    if dry_run:
        return Registration(number, gates)
    version = registry.version(number)
    card = model_card(model.results, registry.name, number, params, looks)
    version_files.keep(registry.client, version, model.results, card, [asdict(gate) for gate in gates])
    if artifacts.download(registry.client, run.info.run_id, artifacts.MODEL_CARD) is None:
        # For whoever looks at the run. The version has a card of its own.
        registry.client.log_text(run.info.run_id, card, artifacts.MODEL_CARD)
    with tempfile.TemporaryDirectory() as scratch:
        hashes = sums.of_folder(collect(registry.client, version, Path(scratch)))
    registry.client.set_model_version_tag(registry.name, number, sums.TAG, sums.text(hashes))
    why = f"registered from run “{run.info.run_name}”"
    return Registration(number, gates, give_first_alias(registry, number, why, gates))


def _check(model: Model, params: RegisterParams) -> list[Gate]:
    from digits.model.classifier import load_classifier, median_latency_ms

    # A model without figures is refused before it is loaded and timed.
    _ = model.results.metrics
    file = model.file()
    (latency,) = median_latency_ms([load_classifier(file)])
    return check(Evidence(model.results, file.stat().st_size / 1e6, latency), params)


def _has_its_alias(registry: Registry, number: str) -> bool:
    """Whether a version's registration came to its end: the alias is on record, and was set as well."""
    history = registry.history()
    if number not in {change.after for change in history}:
        return False
    last = next((change for change in reversed(history) if change.alias == CHAMPION), None)
    return CHAMPION in registry.aliases() or last is None or last.after != number


def _create_version(registry: Registry, model: Model, gates: list[Gate]) -> str:
    run = model.require_run()
    model_id = run.data.tags[artifacts.MODEL_ID]
    # `digits sync` and a queued experiment may register the same model at once.
    with FileLock(paths.state() / "versions.lock"):
        present = registry.version_of(model.sha256, class_names_of(model.results))
        version = present or registry.client.create_model_version(
            registry.name,
            source=f"models:/{model_id}",
            run_id=run.info.run_id,
            model_id=model_id,
            tags=_version_tags(model, gates),
            description=description(model, gates),
        )
    return str(version.version)


def _version_tags(model: Model, gates: list[Gate]) -> dict[str, str]:
    results = model.results
    tags = {key: results.tags[key] for key in _FROM_RUN if key in results.tags}
    tags["run_name"] = results.run_name
    if artifacts.RECIPE in results.params:
        tags[artifacts.RECIPE] = results.params[artifacts.RECIPE]
    if names := class_names_of(results):
        tags[artifacts.CLASS_NAMES] = names
    tags |= {f"test_{key}": str(value) for key, value in results.metrics.items() if isinstance(value, float)}
    # For people. The version's files have all of it.
    tags[_GATES_TAG] = f"all {len(gates)} pass"
    return tags


def _gates_of(registry: Registry, version: ModelVersion) -> list[Gate]:
    tag = version.tags.get(_GATES_TAG, "")
    # A version from before versions kept it in a file has it as JSON.
    found = json.loads(tag) if tag.startswith("[") else version_files.gates_of(registry.client, version)
    return [Gate(**gate) for gate in found]

"""Decisions about versions: register a run's model, make a version champion on evidence, go back to the former one."""

from __future__ import annotations

import json
import re
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from filelock import FileLock

from digits import layout, tracking
from digits.card import model_card
from digits.errors import DigitsError
from digits.files import read_json
from digits.gates import Gate, Measured, absolute_gates, promotion_gates
from digits.inference import Classifier, median_latency_ms
from digits.provenance import project_root
from digits.pull import SUMS_TAG, collect, sums_of
from digits.registry import (
    CHALLENGER,
    CHAMPION,
    Change,
    Registry,
    RegistryChangedError,
    download_artifact,
    former_champion,
    resolve_model,
    run_of,
    unrecorded,
)
from digits.scores import predictions_frame, score
from digits.split import Dataset

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

    from digits.params import EvaluateParams, RegisterParams

# Carried from the run to the version, so that a version explains itself.
_VERSION_TAGS = ("model_sha256", "data_digest", "test_sha256", "git_commit", "git_dirty", "dvc_experiment")


@dataclass(frozen=True)
class Registration:
    """What came of registering.

    Attributes:
        version: its number; None where a gate refused, or where it is a dry run.
        gates: the absolute ones.
        alias: what the version was given now; None if it was registered before.
    """

    version: str | None
    gates: list[Gate]
    alias: str | None = None

    def __str__(self) -> str:
        """The outcome as a sentence."""
        if self.version is None:
            failed = ", ".join(gate.name for gate in self.gates if not gate.passed)
            return f"not registered, the gates refuse: {failed}" if failed else "not registered, but would be: dry run"
        if self.alias is None:
            return f"this model is version {self.version} already"
        return f"registered as version {self.version}, {self.alias}"


def register_run(
    client: MlflowClient, registry: Registry, run_id: str, params: RegisterParams, dry_run: bool = False
) -> Registration:
    """Register the model of a run as a new version if it passes the absolute gates and is not registered yet.

    The first version becomes champion, any later one challenger.

    Raises:
        DigitsError: the run has no model, or was never evaluated.
    """
    run = original_run(client, run_id)
    sha256 = run.data.tags.get("model_sha256")
    if sha256 is None:
        raise DigitsError(f"run {run_id} has no model: only a run that finished its training can be registered")
    present = registry.version_of(sha256)
    if present and _has_its_alias(registry, str(present.version)):
        return Registration(str(present.version), _gates_of(present))
    metrics = _metrics(client, run)
    if present:
        # Its registration was interrupted before it had an alias.
        gates, number = _gates_of(present), str(present.version)
    else:
        model = resolve_model(f"runs:/{run.info.run_id}")
        (latency,) = median_latency_ms([Classifier(model.path)])
        gates = absolute_gates(metrics, model.path.stat().st_size / 1e6, latency, params.gates)
        if dry_run or not all(gate.passed for gate in gates):
            return Registration(None, gates)
        registry.create()
        number = _create_version(client, registry, run, metrics, gates)
    if dry_run:
        return Registration(number, gates)
    client.log_text(run.info.run_id, _card(client, run, registry.name, number, metrics, params), "model_card.md")
    with tempfile.TemporaryDirectory() as scratch:
        sums = sums_of(collect(client, registry.version(number), Path(scratch)))
    client.set_model_version_tag(registry.name, number, SUMS_TAG, sums)
    return Registration(number, gates, _give_alias(registry, number, run, gates))


def _has_its_alias(registry: Registry, number: str) -> bool:
    """Whether a version's registration came to its end: the alias is on record, and was set as well."""
    history = registry.history()
    if number not in {change.after for change in history}:
        return False
    last = next((change for change in reversed(history) if change.alias == CHAMPION), None)
    return CHAMPION in registry.aliases() or last is None or last.after != number


def assess(
    client: MlflowClient,
    registry: Registry,
    run: Run,
    params: RegisterParams,
    evaluate: EvaluateParams,
) -> tuple[str | None, list[Gate]]:
    """Measure a run's model, registered or not, against the champion. Changes nothing.

    Both are scored on the same test images: a champion whose recorded score is on other test data is scored anew.

    Returns:
        The champion's version (None if there is none) and the gates, absolute ones first. A champion that cannot be
        read any more is a gate that fails: `--force` can still replace it.

    Raises:
        DigitsError: the model is champion already, or cannot be scored.
    """
    champion_number = registry.aliases().get(CHAMPION)
    version = registry.version_of(run.data.tags.get("model_sha256", ""))
    if version and champion_number == str(version.version):
        raise DigitsError(f"version {champion_number} is champion already")
    metrics, predictions = _metrics(client, run), _predictions(client, run)
    model = resolve_model(f"runs:/{run.info.run_id}").path
    classifiers = [Classifier(model)]
    before, unreadable = None, ""
    if champion_number:
        try:
            champion = registry.version(champion_number)
            classifiers.append(Classifier(resolve_model(f"models:/{registry.name}/{champion_number}").path))
            before = _on_test_images(client, champion, classifiers[1], run.data.tags.get("test_sha256"), evaluate)
        except DigitsError as error:
            unreadable = str(error)
    latencies = median_latency_ms(classifiers)
    gates = absolute_gates(metrics, model.stat().st_size / 1e6, latencies[0], params.gates)
    if before:
        before = replace(before, latency_ms=latencies[1])
        gates += promotion_gates(before, Measured(predictions, metrics, latencies[0]), params.promotion)
    elif unreadable:
        gates.append(Gate("Compared with the champion", unreadable, "both on the same images", False, 0, 1))
    return champion_number, gates


def make_champion(
    registry: Registry, number: str, before: str | None, action: str, why: str, gates: list[Gate]
) -> Change:
    """Give the alias champion to a version, on record; the alias challenger goes if it was that version's.

    Raises:
        RegistryChangedError: the champion is not `before` any more.
    """
    change = registry.move(CHAMPION, before, number, action, why, gates)
    if registry.aliases().get(CHALLENGER) == number:
        # A newer challenger that comes between stays, and the promotion is no less done.
        with suppress(RegistryChangedError):
            registry.move(CHALLENGER, number, None, action, f"version {number} is champion now")
    return change


def rollback(registry: Registry, to: str | None, why: str) -> Change:
    """Give the alias champion back to the former champion, or to version `to`.

    Raises:
        DigitsError: there is no former champion, no such version, or its file is not what was registered.
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
    resolve_model(f"models:/{registry.name}/{target}")
    return registry.move(CHAMPION, champion, target, "rollback", why)


def version_of_target(client: MlflowClient, registry: Registry, target: str) -> str | None:
    """The version that a user means by a number, an alias, `models:/…` or a run; None for a run without version.

    Raises:
        DigitsError: nothing has that name.
    """
    if not target:
        raise DigitsError("give a version, an alias or a run: the name is empty")
    if match := re.fullmatch(rf"models:/{re.escape(registry.name)}[@/](.+)", target):
        target = match[1]
    if target.isdecimal():
        return str(registry.version(target).version)
    if target in (CHAMPION, CHALLENGER, *registry.aliases()):
        return registry.version_with(target)
    run = original_run(client, tracking.run_id_of(client, target))
    version = registry.version_of(run.data.tags.get("model_sha256", ""))
    return str(version.version) if version else None


def _on_test_images(
    client: MlflowClient,
    version: ModelVersion,
    classifier: Classifier,
    test_sha256: str | None,
    evaluate: EvaluateParams,
) -> Measured:
    """A version's results on the test images of `test_sha256`, scored anew if need be; without its latency."""
    if version.tags.get("test_sha256") != test_sha256:
        return _score_anew(classifier, test_sha256, evaluate)
    run = run_of(client, version)
    return Measured(_predictions(client, run), _metrics(client, run), float("nan"))


def _create_version(
    client: MlflowClient, registry: Registry, run: Run, metrics: dict[str, Any], gates: list[Gate]
) -> str:
    # `digits sync` and a queued experiment may register the same model at once.
    with FileLock(project_root() / ".digits" / "versions.lock"):
        version = registry.version_of(run.data.tags["model_sha256"]) or client.create_model_version(
            registry.name,
            source=f"models:/{run.data.tags['model_id']}",
            run_id=run.info.run_id,
            model_id=run.data.tags["model_id"],
            tags=_version_tags(run, metrics, gates),
            description=f"Test accuracy {metrics['accuracy']:.2%}, from run “{run.info.run_name}”.",
        )
    return str(version.version)


def _give_alias(registry: Registry, number: str, run: Run, gates: list[Gate]) -> str:
    """Champion if there is none, else challenger. Queued experiments may register at the same time."""
    why = f"registered from run “{run.info.run_name}”"
    for _ in range(10):
        aliases = registry.aliases()
        alias = CHALLENGER if CHAMPION in aliases else CHAMPION
        try:
            registry.move(alias, aliases.get(alias), number, "register", why, gates)
        except RegistryChangedError:
            continue
        return alias
    raise DigitsError(f"version {number} is registered, but without alias: others keep changing the registry")


def _card(
    client: MlflowClient, run: Run, name: str, number: str, metrics: dict[str, Any], params: RegisterParams
) -> str:
    facts = read_json(_artifact(client, run, "training/dataset.json"))
    robustness = download_artifact(client, run.info.run_id, "evaluation/robustness.csv")
    return model_card(
        name=name,
        version=number,
        run_id=run.info.run_id,
        run_name=run.info.run_name,
        metrics=metrics,
        training=read_json(_artifact(client, run, "training/training.json")),
        params=run.data.params,
        tags=run.data.tags,
        sizes=facts,
        side=int(run.data.params["validate.side"]),
        class_names=facts["class_names"],
        confidence=f"{read_json(_artifact(client, run, 'evaluation/evaluation.json'))['confidence']:.0%}",
        data_name=params.data_name,
        data_licence=params.data_licence,
        libraries=run.data.tags["libraries"],
        # Runs from before there was such a table are registered all the same.
        robustness=None if robustness is None else pd.read_csv(robustness),
    )


def _version_tags(run: Run, metrics: dict[str, Any], gates: list[Gate]) -> dict[str, str]:
    tags = {key: run.data.tags[key] for key in _VERSION_TAGS if key in run.data.tags}
    tags["run_name"] = run.info.run_name
    for key in ("accuracy", "accuracy_low", "accuracy_high", "macro_f1", "calibration_error", "loss"):
        tags[f"test_{key}"] = str(metrics[key])
    tags["gates"] = json.dumps([asdict(gate) for gate in gates], ensure_ascii=False)
    return tags


def _gates_of(version: ModelVersion) -> list[Gate]:
    return [Gate(**gate) for gate in json.loads(version.tags.get("gates", "[]"))]


def original_run(client: MlflowClient, run_id: str) -> Run:
    """The run itself, or the one whose model it reproduced."""
    run = client.get_run(run_id)
    first = run.data.tags.get("reproduction_of")
    return client.get_run(first) if first else run


def _metrics(client: MlflowClient, run: Run) -> dict[str, Any]:
    return read_json(_artifact(client, run, "evaluation/metrics.json"))["test"]


def _predictions(client: MlflowClient, run: Run) -> pd.DataFrame:
    return pd.read_csv(_artifact(client, run, "evaluation/predictions.csv"))


def _artifact(client: MlflowClient, run: Run, path: str) -> Any:
    file = download_artifact(client, run.info.run_id, path)
    if file is None:
        raise DigitsError(
            f"run {run.info.run_name} ({run.info.run_id}) was never evaluated: run `dvc repro` to the end"
        )
    return file


def _score_anew(classifier: Classifier, test_sha256: str | None, params: EvaluateParams) -> Measured:
    """Score a model on the test images of data/processed, which must be those of `test_sha256`."""
    dataset = Dataset(layout.PROCESSED)
    if dataset.facts["test_sha256"] != test_sha256:
        raise DigitsError(
            "the champion was scored on other test data, and data/processed is not the candidate's: "
            "run `dvc repro` for the candidate's parameters first"
        )
    images, labels = dataset.arrays("test")
    actual = labels.argmax(axis=1)
    probabilities = classifier(np.asarray(images), params.batch_size)
    metrics = score(actual, probabilities, dataset.class_names, params.confidence, params.calibration_bins)
    return Measured(predictions_frame(actual, probabilities), metrics, float("nan"))

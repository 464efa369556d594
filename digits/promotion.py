"""Decisions about versions: register a run's model, make a version champion on evidence, go back to the former one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from digits import layout
from digits.card import model_card
from digits.errors import DigitsError
from digits.files import read_json
from digits.gates import Gate, Measured, absolute_gates, promotion_gates
from digits.inference import Classifier, median_latency_ms
from digits.registry import (
    CHALLENGER,
    CHAMPION,
    Change,
    Registry,
    RegistryChangedError,
    download_artifact,
    former_champion,
    resolve_model,
)
from digits.scores import predictions_frame, score
from digits.split import Dataset
from digits.tracking import run_id_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

    from digits.params import EvaluateParams, RegisterParams

# Carried from the run to the version, so that a version explains itself.
_VERSION_TAGS = ("model_sha256", "data_digest", "test_sha256", "git_commit", "git_dirty", "dvc_experiment")


@dataclass(frozen=True)
class Registration:
    """What came of registering: `version` is None where a gate refused; `alias` what the version was given now."""

    version: str | None
    gates: list[Gate]
    is_new: bool = False
    alias: str | None = None

    def __str__(self) -> str:
        """The outcome as a sentence."""
        if self.version is None:
            failed = ", ".join(gate.name for gate in self.gates if not gate.passed)
            return f"not registered, the gates refuse: {failed}"
        if not self.is_new:
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
    run = _original(client, run_id)
    sha256 = run.data.tags.get("model_sha256")
    if sha256 is None:
        raise DigitsError(f"run {run_id} has no model: only a run that finished its training can be registered")
    if present := registry.version_of(sha256):
        return Registration(str(present.version), _gates_of(present))
    metrics = _metrics(client, run)
    model = resolve_model(f"runs:/{run.info.run_id}")
    (latency,) = median_latency_ms([Classifier(model.path)])
    gates = absolute_gates(metrics, model.path.stat().st_size / 1e6, latency, params.gates)
    if dry_run or not all(gate.passed for gate in gates):
        return Registration(None, gates)
    registry.create()
    version = client.create_model_version(
        registry.name,
        source=f"models:/{run.data.tags['model_id']}",
        run_id=run.info.run_id,
        model_id=run.data.tags["model_id"],
        tags=_version_tags(run, metrics, gates),
        description=f"Test accuracy {metrics['accuracy']:.2%}, from run “{run.info.run_name}”.",
    )
    number = str(version.version)
    client.log_text(run.info.run_id, _card(client, run, registry.name, number, metrics, params), "model_card.md")
    return Registration(number, gates, is_new=True, alias=_give_alias(registry, number, run, gates))


def assess(
    client: MlflowClient,
    registry: Registry,
    number: str,
    params: RegisterParams,
    evaluate: EvaluateParams,
) -> tuple[str | None, list[Gate]]:
    """Measure a version against the champion. Changes nothing.

    Both are scored on the same test images: a champion whose recorded score is on other test data is scored anew.

    Returns:
        The champion's version (None if there is none) and the gates, absolute ones first.

    Raises:
        DigitsError: the version does not exist, is champion already, or cannot be scored.
    """
    candidate = registry.version(number)
    champion_number = registry.aliases().get(CHAMPION)
    if champion_number == number:
        raise DigitsError(f"version {number} is champion already")
    run = client.get_run(candidate.run_id)
    metrics, predictions = _metrics(client, run), _predictions(client, run)
    classifiers = [Classifier(resolve_model(f"models:/{registry.name}/{number}").path)]
    if champion_number is None:
        (latency,) = median_latency_ms(classifiers)
        return None, absolute_gates(metrics, _size_mb(registry, number), latency, params.gates)
    champion = registry.version(champion_number)
    classifiers.append(Classifier(resolve_model(f"models:/{registry.name}/{champion_number}").path))
    latency, champion_latency = median_latency_ms(classifiers)
    champion_run = client.get_run(champion.run_id)
    test_sha256 = candidate.tags.get("test_sha256")
    if champion.tags.get("test_sha256") == test_sha256:
        before = Measured(_predictions(client, champion_run), _metrics(client, champion_run), champion_latency)
    else:
        before = replace(_score_anew(classifiers[1], test_sha256, evaluate), latency_ms=champion_latency)
    absolute = absolute_gates(metrics, _size_mb(registry, number), latency, params.gates)
    return champion_number, absolute + promotion_gates(
        before, Measured(predictions, metrics, latency), params.promotion
    )


def make_champion(
    registry: Registry, number: str, before: str | None, action: str, why: str, gates: list[Gate]
) -> Change:
    """Give the alias champion to a version, on record; the alias challenger goes if it was that version's.

    Raises:
        RegistryChangedError: the champion is not `before` any more.
    """
    change = registry.move(CHAMPION, before, number, action, why, gates)
    if registry.aliases().get(CHALLENGER) == number:
        registry.move(CHALLENGER, number, None, action, f"version {number} is champion now")
    return change


def rollback(registry: Registry, to: str | None, why: str) -> Change:
    """Give the alias champion back to the former champion, or to version `to`.

    Raises:
        DigitsError: there is no former champion, no such version, or its file is not what was registered.
    """
    champion = registry.aliases().get(CHAMPION)
    if champion is None:
        raise DigitsError(f"{registry.name} has no champion to roll back from: register a version first")
    target = to or former_champion(registry.history())
    if target is None:
        raise DigitsError(f"version {champion} is the only champion there ever was: nothing to roll back to")
    if target == champion:
        raise DigitsError(f"version {target} is champion already")
    registry.version(target)
    # A champion that cannot be loaded would be worse than the present one.
    resolve_model(f"models:/{registry.name}/{target}")
    return registry.move(CHAMPION, champion, target, "rollback", why)


def version_of_target(client: MlflowClient, registry: Registry, target: str) -> str | None:
    """The version that a user means by a number, an alias, `models:/…` or a run; None for a run without version.

    Raises:
        DigitsError: nothing has that name.
    """
    target = target.removeprefix(f"models:/{registry.name}").lstrip("/@")
    if target.isdigit():
        return str(registry.version(target).version)
    if target in (CHAMPION, CHALLENGER):
        if number := registry.aliases().get(target):
            return number
        raise DigitsError(f"{registry.name} has no {target}: `digits register` names a new version so")
    run = _original(client, run_id_of(client, target))
    version = registry.version_of(run.data.tags.get("model_sha256", ""))
    return str(version.version) if version else None


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
        class_names=facts["class_names"],
        confidence=f"{float(run.data.params['evaluate.confidence']):.0%}",
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


def _original(client: MlflowClient, run_id: str) -> Run:
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


def _size_mb(registry: Registry, number: str) -> float:
    return resolve_model(f"models:/{registry.name}/{number}").path.stat().st_size / 1e6

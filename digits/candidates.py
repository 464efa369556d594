"""What a person calls a model (alias, version, run, DVC experiment, git revision) → a candidate for comparison.

MLflow runs and DVC experiments are joined by the content of the model file, so an experiment that DVC restored from its
cache shows as the run that trained it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from ruamel.yaml import YAML

from digits import tracking
from digits.compare import Candidate
from digits.errors import DigitsError
from digits.files import read_json
from digits.params import flatten
from digits.promotion import version_of_target
from digits.provenance import git, project_root
from digits.registry import CHAMPION, Registry, download_artifact, run_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# How many runs are compared where none is named.
_MOST = 10


def load_candidates(client: MlflowClient, registry: Registry, names: Sequence[str]) -> dict[str, Candidate]:
    """The models by the names given, in their order; without names, the champion and the newest evaluated runs.

    Raises:
        DigitsError: a name means nothing, or a model that was never evaluated.
    """
    if not names:
        names = _newest(client, registry)
    if not names:
        raise DigitsError("nothing to compare yet: run `dvc repro` first")
    found = {name: _candidate(client, registry, name) for name in dict.fromkeys(names)}
    shown = [candidate.name for candidate in found.values()]
    # Runs of the same minute and settings have the same name.
    return {
        name: replace(candidate, name=f"{candidate.name} {candidate.run_id[:8]}")
        if shown.count(candidate.name) > 1
        else candidate
        for name, candidate in found.items()
    }


def _newest(client: MlflowClient, registry: Registry) -> list[str]:
    runs = client.search_runs(
        tracking.all_experiments(client), "metrics.test_accuracy >= 0", order_by=["attributes.start_time DESC"]
    )
    champion = registry.aliases().get(CHAMPION)
    first = [CHAMPION] if champion else []
    known = registry.version(champion).run_id if champion else None
    originals = [run for run in runs if "reproduction_of" not in run.data.tags and run.info.run_id != known]
    return first + [run.info.run_id for run in originals[:_MOST]]


def _candidate(client: MlflowClient, registry: Registry, name: str) -> Candidate:
    run = _run(client, registry, name)
    if run is not None:
        return _from_run(client, registry, run, name)
    revision = _dvc_revision(name)
    if revision is None:
        raise DigitsError(f"{name}: no version, alias, MLflow run, DVC experiment or git revision is called so")
    model, data = (_lock_md5(revision, path) for path in ("models/model.keras", "data/processed"))
    if model and data and (trained := _run_of_md5(client, model, data)):
        return _from_run(client, registry, trained, name)
    return _from_dvc(revision, name)


def _run(client: MlflowClient, registry: Registry, name: str) -> Run | None:
    """The run of a version, an alias, a run id or a run's name; a reproduction counts as the run it reproduced."""
    if name.isdigit() or name in registry.aliases():
        name = f"models:/{registry.name}/{registry.aliases().get(name, name)}"
    if name.startswith("models:/"):
        number = version_of_target(client, registry, name)
        return run_of(client, registry.version(number)) if number else None
    try:
        run = client.get_run(tracking.run_id_of(client, name))
    except tracking.AmbiguousNameError:
        raise
    except DigitsError:
        return None
    first = run.data.tags.get("reproduction_of")
    return client.get_run(first) if first else run


def _from_run(client: MlflowClient, registry: Registry, run: Run, name: str) -> Candidate:
    files = {path: download_artifact(client, run.info.run_id, path) for path in _RUN_FILES}
    if missing := [path for path, file in files.items() if file is None]:
        raise DigitsError(f"{name}: run {run.info.run_name} has no {missing[0]}: it did not get to its end")
    history, metrics, predictions = (file for file in files.values() if file is not None)
    tags = run.data.tags
    labels = {"run": run.info.run_name}
    version = registry.version_of(tags["model_sha256"])
    if version:
        labels["version"] = str(version.version)
        aliases = [alias for alias, number in registry.aliases().items() if number == str(version.version)]
        if aliases:
            labels["aliases"] = ", ".join(aliases)
    if "dvc_experiment" in tags:
        labels["experiment"] = tags["dvc_experiment"]
    return Candidate(
        name=run.info.run_name if name == run.info.run_id else name,
        # The parameters of the entry point of `mlflow run` have no section; ours have.
        params={key: value for key, value in run.data.params.items() if "." in key},
        metrics=read_json(metrics)["test"],
        history=pd.read_csv(history),
        predictions=pd.read_csv(predictions),
        training_seconds=run.data.metrics.get("training_seconds"),
        run_id=run.info.run_id,
        model_sha256=tags["model_sha256"],
        test_sha256=tags["test_sha256"],
        labels=labels,
    )


_RUN_FILES = ("training/history.csv", "evaluation/metrics.json", "evaluation/predictions.csv")


def _dvc_revision(name: str) -> str | None:
    """The git revision of a DVC experiment, or of a branch, tag or commit.

    Experiments on different commits may have the same name: that on the present one is meant.

    Raises:
        DigitsError: several are called so, none of them on the present commit.
    """
    refs = (git("for-each-ref", "--format=%(refname)", "refs/exps") or "").splitlines()
    named = [ref for ref in refs if ref.rsplit("/", 1)[-1] == name]
    head = git("rev-parse", "HEAD") or ""
    here = [ref for ref in named if ref.startswith(f"refs/exps/{head[:2]}/{head[2:]}/")]
    if len(named) > 1 and not here:
        raise DigitsError(f"{name}: {len(named)} DVC experiments are called so, on other commits: give a git revision")
    experiment = next(iter(here or named), name)
    return git("rev-parse", "--verify", "--quiet", f"{experiment}^{{commit}}")


def _from_dvc(revision: str, name: str) -> Candidate:
    """A candidate from what DVC keeps: small files in git, predictions in its cache."""
    predictions = _cached(_lock_md5(revision, "reports/predictions.csv"))
    data = _cached(_lock_md5(revision, "data/processed"))
    if predictions is None or data is None:
        raise DigitsError(f"{name}: no MLflow run, and its outputs are not in DVC's cache: `dvc fetch` or rerun it")
    facts = next(_cached(entry["md5"]) for entry in read_json(data) if entry["relpath"] == "dataset.json")
    params = flatten(YAML(typ="safe").load(_show(revision, "params.yaml", name)))
    return Candidate(
        name=name,
        params=params,
        metrics=json.loads(_show(revision, "reports/metrics.json", name))["test"],
        history=pd.read_csv(io.StringIO(_show(revision, "reports/history.csv", name))),
        predictions=pd.read_csv(predictions),
        training_seconds=None,
        run_id="",
        model_sha256="",
        test_sha256=read_json(facts)["test_sha256"] if facts else "",
        labels={"experiment": name},
    )


def _show(revision: str, path: str, name: str) -> str:
    text = git("show", f"{revision}:{path}")
    if text is None:
        raise DigitsError(f"{name}: has no {path}")
    return text


def _lock_md5(revision: str, path: str) -> str | None:
    """What dvc.lock of a revision says an output's digest was."""
    text = git("show", f"{revision}:dvc.lock")
    stages: dict[str, Any] = (YAML(typ="safe").load(text) or {}).get("stages", {}) if text else {}
    outs = [out for stage in stages.values() for out in stage.get("outs", [])]
    return next((out["md5"] for out in outs if out["path"] == path), None)


def _cached(md5: str | None) -> Path | None:
    """The file in DVC's local cache, or None."""
    if md5 is None:
        return None
    path = project_root() / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    return path if path.is_file() else None


def _run_of_md5(client: MlflowClient, model: str, data: str) -> Run | None:
    where = f"tags.model_md5 = '{model}' AND tags.data_digest = '{data}'"
    runs = client.search_runs(tracking.all_experiments(client), where, order_by=["attributes.start_time ASC"])
    return next((run for run in runs if "reproduction_of" not in run.data.tags), None)


def scored_images(test_sha256: str, folder: Path) -> Any:
    """The test images uint8 (n, 28, 28) if data/processed has the ones that were scored, else None."""
    from digits.split import Dataset

    dataset = Dataset(folder)
    if not (folder / "dataset.json").is_file() or dataset.facts["test_sha256"] != test_sha256:
        return None
    return dataset.arrays("test")[0]

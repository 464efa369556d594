"""A run's life: begun with its parameters and source, named for people, closed when its process died."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from digits import paths
from digits.params import Params, flatten
from digits.tracking import artifacts
from digits.tracking.find import run_with_id
from digits.tracking.processor import processor
from digits.tracking.source import (
    changed_params,
    committed_params,
    committed_recipe,
    run_name,
    source_tags,
    uncommitted_patch,
)
from digits.tracking.store import EXPERIMENT, connect, search_runs

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# A store takes so many parameters in one request.
_MOST_PARAMS = 100
# `mlflow run` sets this tag.
_ENTRY_POINT = "mlflow.project.entryPoint"
# A training sets these: its run is taken.
_CLAIMED = {artifacts.PROCESS, artifacts.MODEL_SHA256}


def start_run(client: MlflowClient, params: Params) -> str:
    """Begin the run of a training: the one of `mlflow run` where that started us, else a new one. Returns its id."""
    close_abandoned_runs(client)
    tags = {**source_tags(), **this_process(), **processor(params.train.cpu).tags()}
    if artifacts.GIT_COMMIT not in tags:
        print("train: without git, a repository and a commit in it, the run does not know which code made its model")
    if run := project_run(client):
        describe_run(client, run.info.run_id, params, tags)
        return run.info.run_id
    if named := os.environ.get("MLFLOW_RUN_ID"):
        print(f"train: MLFLOW_RUN_ID names {named}, which no `mlflow run` waits for: this training has its own run")
    return create_run(client, params, tags)


def project_run(client: MlflowClient) -> Run | None:
    """The run that `mlflow run` began for this very command, or None.

    The shell may name any run. One that is finished, has a model, or was begun by something else is a record: it stays
    as it is. In the copies of DVC's queue many trainings have the same shell, and each has its own run.
    """
    run_id = os.environ.get("MLFLOW_RUN_ID")
    if not run_id or paths.project_root() != Path.cwd().resolve():
        return None
    run = run_with_id(client, run_id)
    if run is None or run.info.status != "RUNNING" or run.info.lifecycle_stage != "active":
        return None
    is_ours = _ENTRY_POINT in run.data.tags and run.data.tags.keys().isdisjoint(_CLAIMED)
    return run if is_ours else None


def create_run(client: MlflowClient, params: Params, tags: dict[str, str]) -> str:
    """Create a run with all parameters and its source. Returns its id."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    source = {"mlflow.source.name": "dvc.yaml", "mlflow.source.type": "PROJECT", "mlflow.user": _user()}
    name = _name(tags, flatten(params))
    run_id = client.create_run(experiment.experiment_id, run_name=name, tags={**source, **tags}).info.run_id
    _log_params(client, run_id, flatten(params))
    _log_source(client, run_id, tags)
    return run_id


def describe_run(client: MlflowClient, run_id: str, params: Params, tags: dict[str, str]) -> None:
    """Give a run that `mlflow run` began a name, tags, all parameters and its source."""
    client.update_run(run_id, name=_name(tags, flatten(params)))
    for key, value in tags.items():
        client.set_tag(run_id, key, value)
    _log_params(client, run_id, flatten(params))
    _log_source(client, run_id, tags)


def restored_tags() -> dict[str, str]:
    """Tags of a run that is written anew from the files on disk."""
    return {**source_tags(), **this_process(), artifacts.RESTORED: "true"}


def name_project_run(name: str) -> None:
    """Call the run that `mlflow run` began by what it does, so that it is not taken for a training."""
    client = connect()
    if run := project_run(client):
        client.update_run(run.info.run_id, name=name)


def close_abandoned_runs(client: MlflowClient, experiments: Sequence[str] = ()) -> None:
    """Mark as KILLED the runs of processes of this machine that died without saying so (SIGKILL, power cut).

    Args:
        client: of the store.
        experiments: ids; none for all in which a training may be.
    """
    for run in search_runs(client, "attributes.status = 'RUNNING'", among=experiments):
        host, _, rest = run.data.tags.get(artifacts.PROCESS, "").partition(" ")
        if host == socket.gethostname() and not _is_alive(rest):
            client.set_terminated(run.info.run_id, "KILLED")


def log_metrics(
    client: MlflowClient,
    run_id: str,
    metrics: dict[str, float],
    step: int = 0,
    model_id: str | None = None,
    digest: str | None = None,
) -> None:
    """Log metrics in one request, linked to a logged model and to the test data where these are given."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    linked = {"model_id": model_id, "dataset_name": "test", "dataset_digest": digest} if model_id else {}
    client.log_batch(run_id, [Metric(key, float(value), now, step, **linked) for key, value in metrics.items()])


def _log_params(client: MlflowClient, run_id: str, flat: dict[str, Any]) -> None:
    from mlflow.entities import Param

    present = client.get_run(run_id).data.params
    new = [Param(key, str(value)) for key, value in flat.items() if key not in present]
    for start in range(0, len(new), _MOST_PARAMS):
        client.log_batch(run_id, params=new[start : start + _MOST_PARAMS])


def _log_source(client: MlflowClient, run_id: str, tags: dict[str, str]) -> None:
    """Keep what the commit does not: params.yaml, and all changes to tracked files as a patch."""
    client.log_artifact(run_id, str(paths.PARAMS), artifacts.PARAMS.partition("/")[0])
    if tags.get(artifacts.GIT_DIRTY) == "true":
        place = Path(artifacts.PATCH)
        with tempfile.TemporaryDirectory() as folder:
            patch = Path(folder) / place.name
            patch.write_bytes(uncommitted_patch(tags[artifacts.GIT_COMMIT]))
            client.log_artifact(run_id, str(patch), str(place.parent))


def _name(tags: dict[str, str], flat: dict[str, Any]) -> str:
    commit = tags.get(artifacts.GIT_COMMIT)
    committed = committed_params(commit)
    if committed is None:
        return run_name(tags, {})
    if flat[artifacts.RECIPE] != committed.get(artifacts.RECIPE):
        # Its name stands for what it sets.
        committed |= committed_recipe(flat[artifacts.RECIPE], commit) or {}
    return run_name(tags, changed_params(flat, committed))


def _user() -> str:
    return os.environ.get("MLFLOW_TRACKING_USERNAME") or os.environ.get("USER") or "unknown"


def this_process() -> dict[str, str]:
    """The tag by which `close_abandoned_runs` knows whether the process of a run still lives."""
    process = psutil.Process()
    return {artifacts.PROCESS: f"{socket.gethostname()} {process.pid} {process.create_time():.0f}"}


def _is_alive(identity: str) -> bool:
    pid, _, created = identity.partition(" ")
    try:
        return f"{psutil.Process(int(pid)).create_time():.0f}" == created
    except (psutil.NoSuchProcess, ValueError):
        return False

"""The record of a look at what a version served: a run of its own, in an experiment that no search for models reads."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from digits.tracking.run import close_abandoned_runs, log_metrics, this_process
from digits.tracking.store import MONITORING, experiment_id

if TYPE_CHECKING:
    from mlflow import MlflowClient

# The page, as an artifact.
PAGE = "monitor.html"


def write_observation(
    client: MlflowClient, name: str, tags: Mapping[str, str], metrics: Mapping[str, float], page: str
) -> str:
    """Write a run that is complete at once. One that a killed process left open is closed.

    Args:
        client: of the store.
        name: of the run.
        tags: what was looked at. A tag `model_sha256` would make it the run of a model.
        metrics: what was found.
        page: HTML.

    Returns:
        The id of the run.

    Raises:
        DigitsError: the experiment was deleted.
    """
    experiment = experiment_id(client, MONITORING)
    close_abandoned_runs(client, [experiment])
    run_id: str = client.create_run(experiment, run_name=name, tags={**tags, **this_process()}).info.run_id
    status = "FAILED"
    try:
        log_metrics(client, run_id, dict(metrics))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / PAGE
            file.write_text(page, encoding="utf-8")
            client.log_artifact(run_id, str(file))
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status)
    return run_id

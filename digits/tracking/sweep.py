"""The runs of a search: one for the search, below it one for each training, found again by their tags.

A training that is taken up again goes on in its run. Nothing appears twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from digits.tracking import artifacts
from digits.tracking.source import source_tags
from digits.tracking.store import SWEEPS, all_pages, experiment_id

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_PARENT = "mlflow.parentRunId"


class SweepRuns:
    """The runs of one search, in the experiment `digits-sweeps`: they made no model that anybody registers."""

    def __init__(self, client: MlflowClient, name: str, params: dict[str, Any]) -> None:
        """Begin the search's run, or find it.

        Args:
            client: of the store.
            name: of the search.
            params: what all trainings have in common, flat.
        """
        self._client, self._experiment = client, experiment_id(client, SWEEPS)
        self._name = name
        self.parent = self._find({artifacts.SWEEP: name}) or self._create(
            name, {artifacts.SWEEP: name, **source_tags()}
        )
        self._params = params
        self._children: dict[str, str] = {}
        self._logged: dict[str, int] = {}

    def log(self, trial: str, title: str, settings: dict[str, str], epochs: Iterable[dict[str, Any]]) -> None:
        """Log the epochs of a training that its run has not yet.

        Args:
            trial: what identifies it.
            title: what people call it.
            settings: the parameters in which it differs.
            epochs: all that are done, `epoch` and the metrics.
        """
        from mlflow.entities import Metric

        run_id = self._child(trial, title, settings)
        new = [one for one in epochs if one["epoch"] > self._logged[trial]]
        now = int(time.time() * 1000)
        metrics = [
            Metric(key, float(value), now, one["epoch"]) for one in new for key, value in one.items() if key != "epoch"
        ]
        if metrics:
            self._client.log_batch(run_id, metrics)
            self._logged[trial] = new[-1]["epoch"]

    def end(self, trial: str, status: str, stopped_at: int | None = None, reason: str = "") -> None:
        """End the run of a training.

        Args:
            trial: what identifies it.
            status: FINISHED or FAILED.
            stopped_at: the epoch after which it was ended because others were better.
            reason: why it failed.
        """
        run_id = self._children[trial]
        if stopped_at is not None:
            self._client.set_tag(run_id, artifacts.SWEEP_STOPPED_AT, str(stopped_at))
        if reason:
            self._client.set_tag(run_id, artifacts.SWEEP_FAILED, reason)
        self._client.set_terminated(run_id, status)

    def finish(self, best: dict[str, Any], metrics: dict[str, float]) -> None:
        """End the search's run, with the best parameters and what they reached."""
        for key, value in best.items():
            self._client.set_tag(self.parent, f"{artifacts.SWEEP}.best.{key}", str(value))
        for key, number in metrics.items():
            self._client.log_metric(self.parent, key, number)
        self._client.set_terminated(self.parent, "FINISHED")

    def _child(self, trial: str, title: str, settings: dict[str, str]) -> str:
        if trial not in self._children:
            tags = {_PARENT: self.parent, artifacts.SWEEP_TRIAL: trial}
            run_id = self._find(tags)
            if run_id is None:
                run_id = self._create(f"{self._name} {title}", {**tags, artifacts.SWEEP: self._name})
                self._log_params(run_id, {**self._params, **settings})
            else:
                self._client.update_run(run_id, status="RUNNING")
            history = self._client.get_metric_history(run_id, "val_accuracy")
            self._children[trial] = run_id
            self._logged[trial] = max((metric.step for metric in history), default=0)
        return self._children[trial]

    def _log_params(self, run_id: str, params: dict[str, Any]) -> None:
        from mlflow.entities import Param

        logged = [Param(key, str(value)) for key, value in params.items()]
        for start in range(0, len(logged), 100):
            self._client.log_batch(run_id, params=logged[start : start + 100])

    def _create(self, name: str, tags: dict[str, str]) -> str:
        return self._client.create_run(self._experiment, run_name=name, tags=tags).info.run_id

    def _find(self, tags: dict[str, str]) -> str | None:
        wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        if _PARENT not in tags:
            wanted += f" and tags.`{artifacts.SWEEP_TRIAL}` IS NULL"
        found: list[Run] = all_pages(self._client.search_runs, [self._experiment], wanted)
        return found[0].info.run_id if found else None

"""Bring the MLflow record of the model in models/ up to date from the files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from digits import layout, tracking
from digits.files import read_json
from digits.promotion import register_run
from digits.provenance import is_up_to_date
from digits.registry import CHAMPION, Registry

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from digits.params import Params


@dataclass(frozen=True)
class Outcome:
    """The run that has the model, and its version, if a version was registered."""

    run_id: str
    run_name: str
    version: str | None
    is_champion: bool

    def __str__(self) -> str:
        """The outcome as a sentence."""
        where = f"version {self.version}" if self.version else "not registered: `dvc repro`, `digits register` say why"
        return f"run “{self.run_name}” ({self.run_id}) is complete; {where}"


def record(client: MlflowClient, params: Params) -> str:
    """Write the present model's run, evaluation and pictures, as far as the files are of this model. Returns its id."""
    run_id = tracking.ensure_run(client, params)
    _log_results(client, run_id)
    return run_id


def _log_results(client: MlflowClient, run_id: str) -> None:
    tracking.log_evaluation(client, run_id)
    if is_up_to_date("plot"):
        tracking.log_plots(client, run_id)


def sync(params: Params) -> Outcome:
    """Write into the store what it lacks of the present model: its run, test metrics, plots and registered version.

    Within `mlflow run`, the run that MLflow began is completed as well, though nothing was trained.

    Raises:
        DigitsError: the store does not answer, or a stage has not run yet.
    """
    client = tracking.connect()
    registry = Registry(client, params.register_.model_name)
    run_id = record(client, params)
    started_by_mlflow = os.environ.get("MLFLOW_RUN_ID")
    if started_by_mlflow and started_by_mlflow != run_id:
        tracking.complete_as_reproduction(client, started_by_mlflow, params, run_id)
        _log_results(client, started_by_mlflow)
    # A version is for who ran the pipeline to its end, with this model.
    registered = tracking.evaluation_mark() and is_up_to_date("register")
    version = register_run(client, registry, run_id, params.register_).version if registered else None
    champion = registry.aliases().get(CHAMPION)
    name = client.get_run(run_id).info.run_name
    return Outcome(run_id, name, version, version is not None and version == champion)


def summary(outcome: Outcome, params: Params) -> str:
    """What a person wants to know at the end of `make repro`."""
    test = read_json(layout.METRICS)["test"]
    training = read_json(layout.TRAINING)
    name = params.register_.model_name
    version = f"version {outcome.version}" if outcome.version else "not registered, see the gates above"
    interval = f"{params.evaluate.confidence:.0%} interval {test['accuracy_low']:.4f} to {test['accuracy_high']:.4f}"
    return f"""
  test accuracy  {test["accuracy"]:.4f}  ({interval}, {test["n"]:,} images)
  test loss      {test["loss"]:.4f}
  training       {training["reason"]}
  report         {layout.PLOTS}/ and {layout.VALIDATION}/data_docs/index.html
  model          {layout.MODEL}; {name} {version}{", champion" if outcome.is_champion else ""}

  look at the runs     make ui                      then http://127.0.0.1:5000
  take the model away  .venv/bin/digits pull        or models:/{name}@champion in MLflow
  try something        source .venv/bin/activate && dvc exp run -S train.learning_rate=0.002
"""

"""Bring the MLflow record of the model in models/ up to date from the files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from digits import layout, tracking
from digits.files import read_json
from digits.promotion import register_run
from digits.registry import CHAMPION, Registry

if TYPE_CHECKING:
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
        where = f"version {self.version}" if self.version else "not registered (`digits register` says why)"
        return f"run “{self.run_name}” ({self.run_id}) is complete; {where}"


def sync(params: Params) -> Outcome:
    """Write into the store what it lacks of the present model: its run, test metrics, plots and registered version.

    Within `mlflow run`, the run that MLflow began is completed as well, though nothing was trained.

    Raises:
        DigitsError: the store does not answer, or a stage has not run yet.
    """
    client = tracking.connect()
    registry = Registry(client, params.register_.model_name)
    run_id = tracking.ensure_run(client, params)
    started_by_mlflow = os.environ.get("MLFLOW_RUN_ID")
    if started_by_mlflow and started_by_mlflow != run_id:
        tracking.complete_as_reproduction(client, started_by_mlflow, params)
        tracking.log_evaluation(client, started_by_mlflow)
        tracking.log_plots(client, started_by_mlflow)
    if layout.METRICS.is_file():
        tracking.log_evaluation(client, run_id)
    if layout.PLOTS.is_dir():
        tracking.log_plots(client, run_id)
    version = register_run(client, registry, run_id, params.register_).version if layout.GATES.is_file() else None
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

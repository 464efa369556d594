"""Bring the MLflow record of the model in models/ up to date from the files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from digits import dvc, paths, results
from digits.registry.description import NOTE, description
from digits.registry.history import CHAMPION
from digits.registry.model import Model
from digits.registry.register import register
from digits.registry.resolve import model_of_run
from digits.registry.versions import Registry
from digits.tracking import record
from digits.tracking.run import project_run

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


def record_model(registry: Registry, params: Params) -> Model:
    """Write the run, evaluation and pictures of the model in models/, as far as the files are of this model."""
    run_id = record.ensure_run(registry.client, params)
    _log_results(registry.client, run_id)
    model = model_of_run(registry.client.get_run(run_id), registry)
    if model.results.is_evaluated:
        registry.client.set_tag(run_id, NOTE, description(model, of_run=True))
    return model


def sync(registry: Registry, params: Params) -> Outcome:
    """Write into the store what it lacks of the present model: its run, test metrics, plots and registered version.

    Within `mlflow run`, the run that MLflow began is completed as well, though nothing was trained.

    Raises:
        DigitsError: the store does not answer, or a stage has not run yet.
    """
    model = record_model(registry, params)
    run = model.require_run()
    if started_by_mlflow := project_run(registry.client):
        record.complete_as_reproduction(registry.client, started_by_mlflow.info.run_id, params, run.info.run_id)
        _log_results(registry.client, started_by_mlflow.info.run_id)
    # A model becomes a version when the pipeline ran to its end with it.
    registered = record.evaluation_mark() and dvc.is_up_to_date("register")
    version = register(registry, model, params.register_).version if registered else None
    # A candidate's number is not a champion's.
    champion = registry.aliases().get(CHAMPION) if registry.candidates is None else None
    return Outcome(run.info.run_id, run.info.run_name, version, version is not None and version == champion)


def summary(outcome: Outcome, params: Params) -> str:
    """What a person wants to know at the end of `make repro`."""
    test = results.read(paths.METRICS)["test"]
    training = results.read(paths.TRAINING)
    name, entry = params.register_.model_name, params.register_.candidates_name or params.register_.model_name
    version = f"version {outcome.version}" if outcome.version else "not registered, see the gates above"
    take = f"take the model away  .venv/bin/digits pull        or models:/{name}@champion in MLflow"
    if outcome.version and not outcome.is_champion and entry == name:
        number = outcome.version
        take = f"is it better?        digits compare champion {number}   and digits promote {number} --dry-run"
    interval = f"{params.evaluate.confidence:.0%} interval {test['accuracy_low']:.4f} to {test['accuracy_high']:.4f}"
    return f"""
  test accuracy  {test["accuracy"]:.4f}  ({interval}, {test["n"]:,} images)
  test loss      {test["loss"]:.4f}
  training       {training["reason"]}
  report         {paths.REPORT}; of the data, {paths.VALIDATION}/data_docs/index.html
  model          {paths.MODEL}; {entry} {version}{", champion" if outcome.is_champion else ""}

  look at the report   make report
  look at the runs     make ui                      then http://127.0.0.1:5000
  {take}
  try something        source .venv/bin/activate && dvc exp run -S train.learning_rate=0.002
"""


def _log_results(client: MlflowClient, run_id: str) -> None:
    record.log_evaluation(client, run_id)
    if dvc.is_up_to_date("plot"):
        record.log_plots(client, run_id)

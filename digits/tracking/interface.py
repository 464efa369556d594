"""How MLflow's interface shows the runs: `digits ui` opens the view of trainings, with the columns that matter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

# A view that somebody shares is a tag of the experiment in MLflow, and the address of the page names it.
VIEW = "digits"
_TAG = f"mlflow.sharedViewState.{VIEW}"
_COLUMNS = (
    "metrics.`test_accuracy`",
    "metrics.`val_accuracy`",
    "metrics.`test_loss`",
    "metrics.`epochs`",
    "params.`recipe`",
    "tags.`stopped_by`",
    "attributes.`Models`",
)


def place_of_runs(experiment: Experiment, has_view: bool) -> str:
    """The part of the interface's address, after the server's, that shows the runs of an experiment.

    Args:
        experiment: in the store.
        has_view: whether `give_view` gave it a view.
    """
    view = f"&viewStateShareKey={VIEW}" if has_view else ""
    # Without the first one, the menu is that for language models.
    return f"#/experiments/{experiment.experiment_id}/runs?workflowType=machine_learning{view}"


def give_view(client: MlflowClient, experiment: Experiment) -> None:
    """Give an experiment the view that `place_of_runs` names. It asks for the right to change the experiment."""
    state = json.dumps({"selectedColumns": _COLUMNS, "columnOrder": _COLUMNS})
    if experiment.tags.get(_TAG) != state:
        client.set_experiment_tag(experiment.experiment_id, _TAG, state)

"""Finding runs: by the model they made, by name, by what DVC knows, and what a run says of its model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from digits import paths
from digits.data.dataset import Dataset
from digits.errors import DigitsError
from digits.params import Params, flatten
from digits.results import Results
from digits.tracking import artifacts
from digits.tracking.store import all_experiments, all_pages, search_runs

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

_OLDEST_FIRST = ["attributes.start_time ASC"]
# mlflow.utils.validation.MAX_PARAM_VAL_LENGTH
_LONGEST_PARAM = 6000


def find_run(client: MlflowClient, model_sha256: str, class_names: str | None = None) -> Run | None:
    """The run that first made a model, or None. Reproductions of it are runs of their own and not found here.

    Args:
        client: of the store.
        model_sha256: of the model's file.
        class_names: see `class_names_of`. A run that names the classes otherwise made another model. None takes any.
    """
    return next(iter(named(runs_of_model(client, model_sha256), class_names)), None)


def class_names_of(results: Results) -> str | None:
    """The names of a model's classes, as a run has them as its parameter. None where nothing names them."""
    names = results.params.get(artifacts.CLASS_NAMES) or results.class_names
    return None if names is None else as_param(names)


def named(runs: Sequence[Run], class_names: str | None) -> list[Run]:
    """Those of some runs that call the classes so."""
    return [run for run in runs if same_names(class_names, run.data.params.get(artifacts.CLASS_NAMES))]


def same_names(first: str | None, second: str | None) -> bool:
    """Whether two models may call their classes the same: they do, or one of them is not known."""
    return None in (first, second) or first == second


def as_param(value: object) -> str:
    """A value as MLflow keeps it as a parameter: text, cut off where it is very long."""
    return str(value)[:_LONGEST_PARAM]


def runs_of_model(client: MlflowClient, model_sha256: str) -> list[Run]:
    """The run that first made a model, then those that evaluated it otherwise; no reproductions."""
    where = f"tags.{artifacts.MODEL_SHA256} = '{model_sha256}'"
    return [run for run in search_runs(client, where, _OLDEST_FIRST) if not is_reproduction(run)]


def count_reproductions(client: MlflowClient, model_sha256: str) -> int:
    """How many runs made a model again."""
    return sum(map(is_reproduction, search_runs(client, f"tags.{artifacts.MODEL_SHA256} = '{model_sha256}'")))


def is_reproduction(run: Run) -> bool:
    """Whether a run made a model that another run had made before."""
    return artifacts.REPRODUCTION_OF in run.data.tags


def original(client: MlflowClient, run: Run) -> Run:
    """The run itself, or the one whose model it reproduced: a reproduction counts as its original."""
    first = run.data.tags.get(artifacts.REPRODUCTION_OF)
    return client.get_run(first) if first else run


def logged_models(client: MlflowClient, model_sha256: str) -> list[str]:
    """The ids of all logged models with a model's bytes."""
    where = f"tags.{artifacts.MODEL_SHA256} = '{model_sha256}'"
    found: list[LoggedModel] = all_pages(client.search_logged_models, all_experiments(client), where)
    return [model.model_id for model in found]


def deleted_run(client: MlflowClient, model_sha256: str, class_names: str) -> Run | None:
    """The run that first made a model and is in MLflow's bin, alone or with its experiment. See `find_run`."""
    where = f"tags.{artifacts.MODEL_SHA256} = '{model_sha256}'"
    runs = search_runs(client, where, _OLDEST_FIRST, deleted=True)
    return next((run for run in named(runs, class_names) if not is_reproduction(run)), None)


def restore_command(client: MlflowClient, run: Run) -> str:
    """What brings a deleted run back."""
    experiment = client.get_experiment(run.info.experiment_id)
    if experiment.lifecycle_stage == "deleted":
        # Restoring the run alone would last until the next `mlflow gc`, which deletes the experiment for good.
        return f"`mlflow experiments restore --experiment-id {experiment.experiment_id}`"
    return f"`mlflow runs restore --run-id {run.info.run_id}`"


def run_with_id(client: MlflowClient, run_id: str) -> Run | None:
    """The run with an id, or None."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def runs_named(client: MlflowClient, name: str) -> list[Run]:
    """The runs that people call `name`; a reproduction counts as its original."""
    return _originals(client, "attributes.run_name", name)


def runs_of_experiment(client: MlflowClient, name: str) -> list[Run]:
    """The runs that a DVC experiment called `name` made; a reproduction counts as its original."""
    return _originals(client, f"tags.{artifacts.DVC_EXPERIMENT}", name)


def run_of_outs(client: MlflowClient, model_md5: str, data_digest: str) -> Run | None:
    """The run that made a model from data, both by DVC's digests."""
    where = f"tags.{artifacts.MODEL_MD5} = '{model_md5}' AND tags.{artifacts.DATA_DIGEST} = '{data_digest}'"
    return next((run for run in search_runs(client, where, _OLDEST_FIRST) if not is_reproduction(run)), None)


def newest_evaluated(client: MlflowClient, most: int) -> list[Run]:
    """The newest runs whose model was evaluated, newest first; no reproductions."""
    # Twice as many, because reproductions are left out afterwards.
    runs = search_runs(client, "metrics.test_accuracy >= 0", ["attributes.start_time DESC"], most=2 * most)
    return [run for run in runs if not is_reproduction(run)][:most]


def newest_names(client: MlflowClient, most: int) -> list[str]:
    """What people call the newest runs."""
    return [run.info.run_name for run in search_runs(client, "", ["attributes.start_time DESC"], most=most)]


def run_on_disk(client: MlflowClient, params: Params, runs: Sequence[Run], mark: str | None) -> Run | None:
    """The run of a model that agrees with the files on disk, or None.

    Args:
        client: of the store.
        params: of params.yaml.
        runs: of `runs_of_model`.
        mark: of the evaluation on disk, see `digits.tracking.record.evaluation_mark`.
    """
    runs = named(runs, as_param(params.preprocess.class_names))
    if mark is None:
        # Nothing was evaluated yet: the run that made the model has all there is.
        return next(evaluated_alike(runs, params), None) or next(iter(runs), None)
    same = (run for run in runs if run.data.tags.get(artifacts.EVALUATION_MARK) == mark)
    open_ones = (run for run in evaluated_alike(runs, params) if artifacts.EVALUATION_MARK not in run.data.tags)
    return next(same, None) or next(open_ones, None)


def evaluated_alike(runs: Sequence[Run], params: Params) -> Iterator[Run]:
    """The runs with the test images of data/processed, the same names of classes and the same section `evaluate`."""
    test_sha256 = Dataset(paths.PROCESSED).facts["test_sha256"]
    decides = ("evaluate.", artifacts.CLASS_NAMES)
    wanted = {key: as_param(value) for key, value in flatten(params).items() if key.startswith(decides)}
    for run in runs:
        if run.data.tags.get(artifacts.TEST_SHA256) == test_sha256 and wanted.items() <= run.data.params.items():
            yield run


def results_of(run: Run, name: str = "") -> Results:
    """What a run says of its model.

    Args:
        run: with a model.
        name: what to call it; default is the run's name.

    Raises:
        DigitsError: the run made no model.
    """
    tags = run.data.tags
    if artifacts.MODEL_SHA256 not in tags:
        raise DigitsError(f"run {run.info.run_name} ({run.info.run_id}) has no model: its training did not finish")
    labels = {"run": run.info.run_name}
    if experiment := tags.get(artifacts.DVC_EXPERIMENT):
        labels["experiment"] = experiment
    download = artifacts.downloader(run.info.artifact_uri, run.info.run_id)

    @cache
    def find(path: Path) -> Path | None:
        artifact = (artifacts.RESULT_FILES | artifacts.VALIDATION_FILES).get(path)
        return download(artifact) if artifact else None

    return Results(
        name=name or run.info.run_name,
        find=find,
        model_sha256=tags[artifacts.MODEL_SHA256],
        params=_of_params(run.data.params),
        tags=tags,
        run_id=run.info.run_id,
        run_name=run.info.run_name,
        training_seconds=run.data.metrics.get("training_seconds"),
        labels=labels,
        way_out=f"run {run.info.run_id} has it damaged in the store; `digits lineage` says how to make its model again",
    )


def _of_params(params: dict[str, str]) -> dict[str, str]:
    """Those of params.yaml, the recipe first."""
    return dict(sorted(filter(lambda pair: artifacts.of_params(pair[0]), params.items()), key=lambda p: "." in p[0]))


def _originals(client: MlflowClient, attribute: str, value: str) -> list[Run]:
    """The runs with a value, each reproduction replaced by its original, each run once."""
    if "'" in value and '"' in value:
        # MLflow's filters know no escape, and no run or experiment is called so in them.
        return []
    literal = f'"{value}"' if "'" in value else f"'{value}'"
    runs = (original(client, run) for run in search_runs(client, f"{attribute} = {literal}", _OLDEST_FIRST))
    return list({run.info.run_id: run for run in runs}.values())

"""The MLflow store: where it is, whether it answers, and reading all of its pages."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import FileLock

from digits import paths
from digits.errors import DigitsError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run
    from mlflow.store.entities import PagedList

T = TypeVar("T")

EXPERIMENT = "digits"
# Without it, MLflow's interface takes an experiment for one about language models.
_KIND = "mlflow.experimentKind"
_OF_CLASSIFIERS = "custom_model_development"
# MLflow's defaults wait for minutes. With these a dead server is known after about ten seconds.
_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


def connect() -> MlflowClient:
    """A client of the tracking store, which exists and answers.

    The store is `MLFLOW_TRACKING_URI`, else `mlflow.db` in the main working copy. Artifacts of an SQLite store are in
    `mlartifacts/` beside it.

    Raises:
        DigitsError: the store cannot be reached, which is known within seconds; or this is no project's folder and no
            store is named: one made here would be empty and soon lost.
    """
    if "MLFLOW_TRACKING_URI" not in os.environ and not (paths.project_root() / paths.PARAMS).is_file():
        raise DigitsError(
            "no params.yaml here and no MLFLOW_TRACKING_URI: run this in the project's folder, or name a server"
        )
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)

    import mlflow

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    # These errors are raised as well, and become one line.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    uri = tracking_uri()
    if file := _sqlite_file(uri):
        _refuse_unusable(file)
    # Several processes that create the same SQLite store at once break it for good. A server sees to that itself.
    alone = nullcontext() if is_server(uri) else FileLock(paths.state() / "store.lock")
    try:
        mlflow.set_tracking_uri(uri)
        client = mlflow.MlflowClient(uri)
        with alone:
            experiment: Experiment = client.get_experiment_by_name(EXPERIMENT) or _create_experiment(client, uri)
            if _KIND not in experiment.tags:
                # `mlflow run --experiment-name` made it.
                client.set_experiment_tag(experiment.experiment_id, _KIND, _OF_CLASSIFIERS)
    # An address or a database can be wrong in as many ways as there are drivers.
    except Exception as error:  # noqa: BLE001
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DigitsError(
            f"the MLflow store {uri} does not answer ({reason}): start it, or unset MLFLOW_TRACKING_URI for mlflow.db"
        ) from None
    if experiment.lifecycle_stage == "deleted":
        raise DigitsError(
            f"the MLflow experiment {EXPERIMENT!r} was deleted: "
            f"`mlflow experiments restore --experiment-id {experiment.experiment_id}`"
        )
    return client


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, else the SQLite store of the main working copy.

    A relative SQLite path starts at the main working copy: the copies that DVC's queue works in are deleted.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    file = _sqlite_file(uri)
    return f"sqlite:///{file}" if file else uri


def is_server(uri: str) -> bool:
    """Whether a tracking URI is that of a server."""
    return uri.startswith(("http:", "https:"))


def all_experiments(client: MlflowClient) -> list[str]:
    """Ids of all active experiments: `mlflow run` puts its run where the user likes."""
    found: list[Experiment] = all_pages(client.search_experiments)
    return [experiment.experiment_id for experiment in found]


def search_runs(client: MlflowClient, where: str, order_by: Sequence[str] = (), most: int | None = None) -> list[Run]:
    """The runs of all experiments that fit a filter.

    Args:
        client: of the store.
        where: in MLflow's language of filters.
        order_by: likewise.
        most: how many to fetch at most; None for all.
    """
    experiments = all_experiments(client)
    if most is not None:
        return list(client.search_runs(experiments, where, max_results=most, order_by=list(order_by)))
    return all_pages(client.search_runs, experiments, where, order_by=list(order_by))


def quoted(value: str) -> str:
    """A text as a literal of MLflow's filters. They know no escape, so a text with both quotes fits none."""
    return f'"{value}"' if "'" in value else f"'{value}'"


def all_pages(search: Callable[..., PagedList[T]], *arguments: Any, **options: Any) -> list[T]:
    """All results of one of MLflow's searches, which answer in pages of at most 1,000."""
    found: list[T] = []
    token: str | None = ""
    while token is not None:
        page = search(*arguments, page_token=token or None, **options)
        found += page
        token = page.token or None
    return found


def _create_experiment(client: MlflowClient, uri: str) -> Experiment:
    from mlflow.exceptions import MlflowException

    file = _sqlite_file(uri)
    try:
        client.create_experiment(
            EXPERIMENT,
            artifact_location=(file.parent / "mlartifacts").as_uri() if file else None,
            tags={_KIND: _OF_CLASSIFIERS},
        )
    except MlflowException as error:
        # Another machine was first.
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    return client.get_experiment_by_name(EXPERIMENT)


def _sqlite_file(uri: str) -> Path | None:
    return paths.project_root() / uri.removeprefix("sqlite:///") if uri.startswith("sqlite:///") else None


def _refuse_unusable(file: Path) -> None:
    """Refuse a file that SQLite cannot use. MLflow would try for minutes, or show an error of SQLAlchemy's."""
    place = file if file.exists() else file.parent
    if not os.access(place, os.W_OK):
        raise DigitsError(f"the MLflow store {file} cannot be written: {place} is read-only, or is not there")
    if file.is_file() and file.stat().st_size:
        with file.open("rb") as start:
            if start.read(16) != b"SQLite format 3\0":
                raise DigitsError(f"the MLflow store {file} is no SQLite database: move it away, or restore a backup")

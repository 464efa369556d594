"""The MLflow store: where it is, whether it answers, and reading all of its pages."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from digits import paths
from digits.errors import DigitsError
from digits.tracking import address
from digits.tracking.settings import use_mlflow
from digits.tracking.unreachable import unreachable

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run
    from mlflow.store.entities import PagedList

T = TypeVar("T")

EXPERIMENT = "digits"
# Their runs made no model that anybody evaluates: no search for trainings finds them.
MONITORING = "digits-monitoring"
SWEEPS = "digits-sweeps"
# The folder of artifacts beside an SQLite store.
ARTIFACTS = "mlartifacts"
# Without it, MLflow's interface takes an experiment for one about language models.
_KIND = "mlflow.experimentKind"
_OF_CLASSIFIERS = "custom_model_development"
# What its interface shows above the runs.
_NOTE = "mlflow.note.content"
_ABOUT = {
    EXPERIMENT: "The trainings of the pipeline (`dvc repro`, `dvc exp run -S …`): parameters, epochs, test metrics and "
    "model of each. `digits compare A B` says which is better, `digits report RUN` tells all of one.",
    MONITORING: "What `digits monitor` found in the images that were served: one run a look, with its page.",
    SWEEPS: "Searches of `digits sweep SPACE.yaml`: a run for each, below it one for each training. Judged by the "
    "validation images alone.",
}
# Logged models, which every run here has, came with it.
_OLDEST_SERVER = 3


def connect() -> MlflowClient:
    """A client of the tracking store, which exists and answers.

    The store is `MLFLOW_TRACKING_URI`, else `mlflow.db` in the main working copy. Artifacts of an SQLite store are in
    `mlartifacts/` beside it.

    Raises:
        DigitsError: the store cannot be reached, which is known within seconds; or this is no project's folder and no
            store is named: one made here would be empty and soon lost.
    """
    if not address.is_named() and not (paths.project_root() / paths.PARAMS).is_file():
        raise DigitsError(
            "no params.yaml here and no MLFLOW_TRACKING_URI: run this in the project's folder, or name a server"
        )
    uri = address.tracking_uri()
    file = address.sqlite_file(uri)
    if file:
        _refuse_unusable(file)
    use_mlflow()
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    # These errors are raised as well, and become one line.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    # Several processes that create the same SQLite store at once break it for good. A server sees to that itself.
    alone = FileLock(paths.state() / "store.lock") if file else nullcontext()
    try:
        if address.is_server(uri):
            _refuse_old_server(uri)
        mlflow.set_tracking_uri(uri)
        client = mlflow.MlflowClient(uri, uri)
        with alone:
            experiment = _experiment(client, file, EXPERIMENT)
            if _KIND not in experiment.tags:
                # `mlflow run --experiment-name` made it.
                client.set_experiment_tag(experiment.experiment_id, _KIND, _OF_CLASSIFIERS)
                client.set_experiment_tag(experiment.experiment_id, _NOTE, _ABOUT[EXPERIMENT])
    except DigitsError:
        raise
    # An address or a database can be wrong in as many ways as there are drivers.
    except Exception as error:  # noqa: BLE001
        raise DigitsError(unreachable(uri, error)) from None
    _refuse_deleted(experiment)
    if file:
        _refuse_moved(file, experiment)
    return client


def experiment_id(client: MlflowClient, name: str) -> str:
    """The id of an experiment, which is made if need be.

    Args:
        client: of the store.
        name: such as `MONITORING`.

    Raises:
        DigitsError: it was deleted.
    """
    experiment = _experiment(client, address.sqlite_file(address.tracking_uri()), name)
    _refuse_deleted(experiment)
    return str(experiment.experiment_id)


def all_experiments(client: MlflowClient, deleted: bool = False) -> list[str]:
    """Ids of all experiments in which a training may be: `mlflow run` puts its run where the user likes.

    Args:
        client: of the store.
        deleted: whether those in MLflow's bin count as well.
    """
    from mlflow.entities import ViewType

    view = ViewType.ALL if deleted else ViewType.ACTIVE_ONLY
    found: list[Experiment] = all_pages(client.search_experiments, view)
    return [experiment.experiment_id for experiment in found if experiment.name not in (MONITORING, SWEEPS)]


def search_runs(
    client: MlflowClient,
    where: str,
    order_by: Sequence[str] = (),
    most: int | None = None,
    deleted: bool = False,
    among: Sequence[str] = (),
) -> list[Run]:
    """The runs that fit a filter.

    Args:
        client: of the store.
        where: in MLflow's language of filters.
        order_by: likewise.
        most: how many to fetch at most; None for all.
        deleted: look among the runs that were deleted and can be restored.
        among: ids of experiments; none for `all_experiments`.
    """
    from mlflow.entities import ViewType

    experiments = [*among] or all_experiments(client, deleted)
    view = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
    if most is not None:
        return list(client.search_runs(experiments, where, view, max_results=most, order_by=list(order_by)))
    return all_pages(client.search_runs, experiments, where, view, order_by=list(order_by))


def local_path(location: str) -> Path | None:
    """The folder of an artifact location on this disk, or None for one on a server."""
    parts = urlsplit(location)
    return Path(unquote(parts.path)) if parts.scheme in ("file", "") else None


def all_pages(search: Callable[..., PagedList[T]], *arguments: Any, **options: Any) -> list[T]:
    """All results of one of MLflow's searches, which answer in pages of at most 1,000."""
    found: list[T] = []
    token: str | None = ""
    while token is not None:
        page = search(*arguments, page_token=token or None, **options)
        found += page
        token = page.token or None
    return found


def _experiment(client: MlflowClient, file: Path | None, name: str) -> Experiment:
    """The experiment with a name, which is made if need be."""
    from mlflow.exceptions import MlflowException

    if experiment := client.get_experiment_by_name(name):
        return experiment
    try:
        client.create_experiment(
            name,
            artifact_location=(file.parent / ARTIFACTS).as_uri() if file else None,
            tags={_KIND: _OF_CLASSIFIERS} | ({_NOTE: _ABOUT[name]} if name in _ABOUT else {}),
        )
    except MlflowException as error:
        # Another machine was first.
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    return client.get_experiment_by_name(name)


def _refuse_deleted(experiment: Experiment) -> None:
    if experiment.lifecycle_stage == "deleted":
        raise DigitsError(
            f"the MLflow experiment {experiment.name!r} was deleted: "
            f"`mlflow experiments restore --experiment-id {experiment.experiment_id}`"
        )


def _refuse_unusable(file: Path) -> None:
    """Refuse a file that SQLite cannot use. MLflow would try for minutes, or show an error of SQLAlchemy's."""
    place = file if file.exists() else file.parent
    if not os.access(place, os.W_OK):
        raise DigitsError(f"the MLflow store {file} cannot be written: {place} is read-only, or is not there")
    if file.is_file() and file.stat().st_size:
        with file.open("rb") as start:
            if start.read(16) != b"SQLite format 3\0":
                raise DigitsError(f"the MLflow store {file} is no SQLite database: move it away, or restore a backup")


def _refuse_moved(file: Path, experiment: Experiment) -> None:
    """Refuse a store that was moved or copied away from its artifacts.

    MLflow keeps absolute addresses. It would make the old folder anew and write there, perhaps into another project.
    """
    location = local_path(experiment.artifact_location)
    # Experiments that others made may keep their artifacts wherever they like.
    if location is None or location.name != ARTIFACTS or location.parent == file.parent:
        return
    other = location.parent / file.name
    if other.exists() and not other.samefile(file):
        what = f"is a copy of {other}, whose artifacts its addresses name"
    elif not location.is_dir():
        what = f"keeps its artifacts in {location}, which is not there"
    else:
        return
    raise DigitsError(
        f"the MLflow store {file} {what}: if the project was moved or copied, `digits relocate` writes {file.parent} "
        "into its addresses; nothing was done"
    )


def _refuse_old_server(uri: str) -> None:
    """Refuse a server that cannot keep a run, before anything is trained for it."""
    import mlflow
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    answer = http_request(get_default_host_creds(uri), "/version", "GET")
    version = re.fullmatch(r"(\d+)\.\d[\w.+-]*", answer.text.strip())
    # Servers of other makers have no such page.
    if answer.ok and version and int(version[1]) < _OLDEST_SERVER:
        raise DigitsError(
            f"the MLflow server {address.shown(uri)} is version {version[0]}, this project has {mlflow.__version__}: "
            f"upgrade the server, to version {_OLDEST_SERVER} at least"
        )

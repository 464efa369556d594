"""MLflow tracking: the store, and runs that are found by the content of the model they made.

Files come first: everything logged here is read from what the stages wrote, so a run that a store does not have (a new
server, a restored checkout) can be written anew, complete. The model file's SHA-256 is the key.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import psutil
from filelock import FileLock
from ruamel.yaml import YAML

from digits import layout
from digits.errors import DigitsError, Terminated
from digits.files import dvc_digest, read_json, sha256_file, write_json
from digits.params import Params, flatten
from digits.provenance import changed_params, committed_params, project_root, run_name, source_tags, uncommitted_patch
from digits.split import Dataset

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run

EXPERIMENT = "digits"
# Without it, MLflow's interface takes an experiment for one about language models.
_KIND = "mlflow.experimentKind"
_OF_CLASSIFIERS = "custom_model_development"
PATCH = "source/uncommitted.patch"
_EVALUATION_FILES = (
    layout.EVALUATION,
    layout.METRICS,
    layout.PREDICTIONS,
    layout.CALIBRATION,
    layout.ROBUSTNESS,
    layout.ROBUSTNESS_MEANS,
)


class AmbiguousNameError(DigitsError):
    """More than one run has a name."""


def connect() -> MlflowClient:
    """A client of the tracking store, which exists and answers.

    The store is `MLFLOW_TRACKING_URI`, else `mlflow.db` in the main working copy; artifacts of an SQLite store are in
    `mlartifacts/` beside it.

    Raises:
        DigitsError: the store cannot be reached; known within seconds. Or this is no project's folder, and no store
            is named: one made here would be empty, and lost.
    """
    if "MLFLOW_TRACKING_URI" not in os.environ and not (project_root() / "params.yaml").is_file():
        raise DigitsError(
            "no params.yaml here and no MLFLOW_TRACKING_URI: run this in the project's folder, or name a server"
        )
    # MLflow's own defaults wait for minutes; with these a dead server is known after about ten seconds.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

    import mlflow

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    # What fails is raised as well, and said in one line.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    uri = tracking_uri()
    if file := _sqlite_file(uri):
        _refuse_unusable(file)
    # Several processes that create the same SQLite store at once break it for good; a server sees to that itself.
    alone = nullcontext() if is_server(uri) else FileLock(project_root() / ".digits" / "store.lock")
    try:
        mlflow.set_tracking_uri(uri)
        client = mlflow.MlflowClient(uri)
        with alone:
            experiment = client.get_experiment_by_name(EXPERIMENT) or _create_experiment(client, uri)
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


def name_project_run(name: str) -> None:
    """Call the run that `mlflow run` began by what it does, so that it is not taken for a training."""
    connect().update_run(os.environ["MLFLOW_RUN_ID"], name=name)


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, else the SQLite store of the main working copy.

    A relative SQLite path starts at the main working copy: those of DVC's queue are thrown away.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    file = _sqlite_file(uri)
    return f"sqlite:///{file}" if file else uri


def is_server(uri: str) -> bool:
    """Whether a tracking URI is that of a server."""
    return uri.startswith(("http:", "https:"))


def _sqlite_file(uri: str) -> Path | None:
    return project_root() / uri.removeprefix("sqlite:///") if uri.startswith("sqlite:///") else None


def _refuse_unusable(file: Path) -> None:
    """Refuse a file that SQLite cannot use; MLflow would try for minutes, or show what SQLAlchemy thinks of it."""
    place = file if file.exists() else file.parent
    if not os.access(place, os.W_OK):
        raise DigitsError(f"the MLflow store {file} cannot be written: {place} is read-only, or is not there")
    if file.is_file() and file.stat().st_size:
        with file.open("rb") as start:
            if start.read(16) != b"SQLite format 3\0":
                raise DigitsError(f"the MLflow store {file} is no SQLite database: move it away, or restore a backup")


def all_experiments(client: MlflowClient) -> list[str]:
    """Ids of all active experiments: `mlflow run` puts its run where it likes."""
    return [experiment.experiment_id for experiment in client.search_experiments()]


def find_run(client: MlflowClient, model_sha256: str) -> Run | None:
    """The run that first made a model, or None. Reproductions of it are runs of their own and not found here."""
    return next(iter(runs_of_model(client, model_sha256)), None)


def runs_of_model(client: MlflowClient, model_sha256: str) -> list[Run]:
    """The run that first made a model, then those that evaluated it otherwise; no reproductions."""
    runs = client.search_runs(
        all_experiments(client), f"tags.model_sha256 = '{model_sha256}'", order_by=["attributes.start_time ASC"]
    )
    return [run for run in runs if "reproduction_of" not in run.data.tags]


def start_run(client: MlflowClient, params: Params) -> str:
    """Begin the run of a training: the one of `mlflow run` where that started us, else a new one. Returns its id."""
    close_abandoned_runs(client)
    flat = flatten(params)
    tags = {**source_tags(), "process": _this_process()}
    name = _run_name(tags, flat)
    if run_id := os.environ.get("MLFLOW_RUN_ID"):
        for key, value in tags.items():
            client.set_tag(run_id, key, value)
        client.update_run(run_id, name=name)
    else:
        run_id = _create_run(client, name, tags)
    _log_params(client, run_id, flat)
    _log_source(client, run_id, tags)
    return run_id


def close_abandoned_runs(client: MlflowClient) -> None:
    """Mark as KILLED the runs of processes of this machine that died without saying so (SIGKILL, power cut)."""
    running = client.search_runs(all_experiments(client), "attributes.status = 'RUNNING'")
    for run in running:
        host, _, rest = run.data.tags.get("process", "").partition(" ")
        if host == socket.gethostname() and not _is_alive(rest):
            client.set_terminated(run.info.run_id, "KILLED")


class LiveRun:
    """A training in progress. When the store is lost, training goes on and the run is completed by `digits sync`."""

    def __init__(self, client: MlflowClient, run_id: str, params: Params) -> None:
        """Write into the run `run_id`, which is RUNNING."""
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        self.client = client
        self.run_id = run_id
        self.params = params
        self.lost = False
        self.monitor = SystemMetricsMonitor(run_id)
        self.monitor.start()

    def log_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Log an epoch's metrics (epoch from 1)."""
        self._try(lambda: _log_metrics(self.client, self.run_id, logs, step=epoch))

    def finish(self, seconds: float) -> None:
        """Complete the run from the files that the training wrote, or leave a note for `digits sync`."""
        sha256 = sha256_file(layout.MODEL)

        def complete() -> None:
            twin = next(_alike(runs_of_model(self.client, sha256), self.params), None)
            _complete_training(self.client, self.run_id, sha256, seconds, reproduction_of=twin)

        self._try(complete)
        if self.lost:
            write_json(_unfinished(sha256), {"run_id": self.run_id, "training_seconds": round(seconds, 1)})
            print("train: the files are complete; `digits sync` completes the run once the store answers again")

    def close(self, status: str) -> None:
        """End the run: FINISHED, FAILED or KILLED."""
        if not self.lost:
            self.monitor.finish()
        self._try(lambda: self.client.set_terminated(self.run_id, status))

    def _try(self, log: Callable[[], object]) -> None:
        from mlflow.exceptions import MlflowException

        if self.lost:
            return
        try:
            log()
        # Losing the record must not lose the training: the files have everything.
        except (MlflowException, OSError) as error:
            self.lost = True
            self.monitor.finish()
            print(f"train: the MLflow store was lost, training goes on ({str(error).splitlines()[0][:160]})")


@contextmanager
def live_run(client: MlflowClient, params: Params) -> Iterator[LiveRun]:
    """Start a run and close it as what it was: FINISHED, KILLED (signal) or FAILED (anything else)."""
    run = LiveRun(client, start_run(client, params), params)
    try:
        yield run
    except BaseException as error:
        killed = isinstance(error, KeyboardInterrupt | Terminated)
        run.close("KILLED" if killed else "FAILED")
        raise
    run.close("FINISHED")


def ensure_run(client: MlflowClient, params: Params) -> str:
    """The id of the run of the model in models/, written anew from the files if the store does not have it.

    A run is a record: an evaluation on other test images, or by other parameters or code, is a run of its own beside
    the one that made the model.

    Raises:
        DigitsError: a file that the training stage writes is missing, or params.yaml is not what it was then.
    """
    if not layout.MODEL.is_file():
        raise DigitsError(f"{layout.MODEL} is missing: run `dvc repro` first")
    sha256 = sha256_file(layout.MODEL)
    if run := _run_on_disk(runs_of_model(client, sha256), params):
        return run.info.run_id
    note = _unfinished(sha256)
    begun = read_json(note) if note.is_file() else {}
    run_id = begun.get("run_id")
    if run_id is None or not _exists(client, run_id):
        _refuse_other_params(params)
        flat = flatten(params)
        tags = {**source_tags(), "process": _this_process(), "restored_from_files": "true"}
        run_id = _create_run(client, _run_name(tags, flat), tags)
        _log_params(client, run_id, flat)
        _log_source(client, run_id, tags)
    _complete_training(client, run_id, sha256, begun.get("training_seconds"))
    client.set_terminated(run_id, "FINISHED")
    note.unlink(missing_ok=True)
    return run_id


def run_on_disk(client: MlflowClient, params: Params) -> str:
    """As `ensure_run`, but writes nothing.

    Raises:
        DigitsError: there is no model, or the store has no run of it.
    """
    if not layout.MODEL.is_file():
        raise DigitsError(f"{layout.MODEL} is missing: run `dvc repro` first")
    run = _run_on_disk(runs_of_model(client, sha256_file(layout.MODEL)), params)
    if run is None:
        raise DigitsError(f"the store has no run of {layout.MODEL}: `digits sync` writes it")
    return run.info.run_id


def _run_on_disk(runs: Sequence[Run], params: Params) -> Run | None:
    """Which of a model's runs tells what the files on disk do; None if none does."""
    mark = evaluation_mark()
    if mark is None:
        # Nothing was evaluated yet: the run that made the model has all there is.
        return next(_alike(runs, params), None) or next(iter(runs), None)
    same = (run for run in runs if run.data.tags.get("evaluation") == mark)
    open_ones = (run for run in _alike(runs, params) if "evaluation" not in run.data.tags)
    return next(same, None) or next(open_ones, None)


def _alike(runs: Sequence[Run], params: Params) -> Iterator[Run]:
    """The runs with the test images of data/processed and the same section `evaluate`."""
    test_sha256 = Dataset(layout.PROCESSED).facts["test_sha256"]
    wanted = {key: str(value) for key, value in flatten(params).items() if key.startswith("evaluate.")}
    for run in runs:
        if run.data.tags.get("test_sha256") == test_sha256 and wanted.items() <= run.data.params.items():
            yield run


def complete_as_reproduction(client: MlflowClient, run_id: str, params: Params, original: str) -> None:
    """Write into a run that trained nothing what the files say, as a reproduction of the run that made the model.

    `mlflow run` begins such a run where `dvc repro` then finds everything up to date.
    """
    if "model_sha256" in client.get_run(run_id).data.tags:
        return
    tags = source_tags()
    client.update_run(run_id, name=_run_name(tags, flatten(params)))
    for key, value in tags.items():
        client.set_tag(run_id, key, value)
    _log_params(client, run_id, flatten(params))
    _log_source(client, run_id, tags)
    _complete_training(client, run_id, sha256_file(layout.MODEL), None, reproduction_of=client.get_run(original))


def run_id_of(client: MlflowClient, name: str) -> str:
    """The id of the run that a user means by an id, `runs:/<id>`, or a run's or DVC experiment's name.

    Raises:
        DigitsError: no run, or more than one, has that name.
    """
    name = name.removeprefix("runs:/")
    if _exists(client, name):
        return name
    quoted = name.replace("'", "")
    experiments = all_experiments(client)
    found = {
        # A reproduction has what the run that it reproduced has.
        run.data.tags.get("reproduction_of", run.info.run_id)
        for where in (f"attributes.run_name = '{quoted}'", f"tags.dvc_experiment = '{quoted}'")
        for run in client.search_runs(experiments, where)
    }
    if not found:
        raise DigitsError(f"{name}: no run or DVC experiment is called so")
    if len(found) > 1:
        raise AmbiguousNameError(f"{name}: {len(found)} runs are called so ({', '.join(sorted(found))}): give one's id")
    return found.pop()


def evaluation_mark() -> str | None:
    """What tells the evaluation on disk from others; None if there is none, or one of another model."""
    if not all(path.is_file() for path in _EVALUATION_FILES):
        return None
    if read_json(layout.EVALUATION)["model_sha256"] != sha256_file(layout.MODEL):
        return None
    return hashlib.sha256("".join(sha256_file(path) for path in _EVALUATION_FILES).encode()).hexdigest()


def log_evaluation(client: MlflowClient, run_id: str) -> None:
    """Log the files of stage evaluate, if they are of the model in models/; metrics are linked to it and the test data.

    Of the table of robustness, the mean accuracy of each perturbation becomes a metric.
    """
    mark = evaluation_mark()
    tags = client.get_run(run_id).data.tags
    if mark is None or tags.get("evaluation") == mark:
        return
    test = read_json(layout.METRICS)["test"]
    metrics = {f"test_{key}": value for key, value in test.items() if isinstance(value, int | float) and key != "n"}
    for name, scores in test["per_class"].items():
        metrics |= {f"test_{key}/{_metric_name(name)}": scores[key] for key in ("precision", "recall", "f1")}
    calibration = read_json(layout.CALIBRATION)
    metrics["not_sure_below"] = calibration["not_sure_below"]
    metrics["test_accepted"] = calibration["test"]["accepted"]
    metrics["test_accepted_error"] = calibration["test"]["error"]
    metrics |= {f"robustness/{name}": mean for name, mean in read_json(layout.ROBUSTNESS_MEANS).items()}
    _log_metrics(client, run_id, metrics, model_id=tags.get("model_id"), digest=tags.get("data_digest"))
    for path in _EVALUATION_FILES:
        client.log_artifact(run_id, str(path), "evaluation")
    client.set_tag(run_id, "evaluation", mark)


def log_plots(client: MlflowClient, run_id: str) -> None:
    """Log the pictures of reports/plots. Those of a run that was registered stay as they were then."""
    mark = dvc_digest(layout.PLOTS)
    logged = client.get_run(run_id).data.tags.get("plots")
    if logged == mark or (logged and client.search_model_versions(f"run_id = '{run_id}'")):
        return
    client.log_artifacts(run_id, str(layout.PLOTS), "plots")
    client.set_tag(run_id, "plots", mark)


def _create_run(client: MlflowClient, name: str, tags: dict[str, str]) -> str:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    source = {"mlflow.source.name": "dvc.yaml", "mlflow.source.type": "PROJECT", "mlflow.user": _user()}
    return client.create_run(experiment.experiment_id, run_name=name, tags={**source, **tags}).info.run_id


def _complete_training(
    client: MlflowClient, run_id: str, model_sha256: str, seconds: float | None, reproduction_of: Run | None = None
) -> None:
    """Log what training made: epochs not logged yet, data sets, model, validation report, and last the model's hash."""
    training = read_json(layout.TRAINING)
    history = pd.read_csv(layout.HISTORY)
    logged = len(client.get_metric_history(run_id, "loss"))
    for row in history.iloc[logged:].to_dict("records"):
        epoch = int(row.pop("epoch"))
        _log_metrics(client, run_id, {str(key): float(value) for key, value in row.items()}, step=epoch)
    _log_metrics(client, run_id, {"epochs": training["epochs"]})
    if seconds is not None:
        _log_metrics(client, run_id, {"training_seconds": round(seconds, 1)})

    dataset = Dataset(layout.PROCESSED)
    digest = dvc_digest(layout.PROCESSED)
    tags = {
        "data_digest": digest,
        "test_sha256": dataset.facts["test_sha256"],
        # The name by which DVC knows the same file.
        "model_md5": dvc_digest(layout.MODEL),
        "stopped_by": training["reason"],
        "libraries": ", ".join(f"{name} {number}" for name, number in _libraries().items()),
    }
    first = find_run(client, model_sha256)
    if reproduction_of is not None:
        # The same bytes as before: the first run stays the model's own, and has the model.
        tags["reproduction_of"] = reproduction_of.info.run_id
    elif first is not None and first.info.run_id != run_id:
        # The same model, to be evaluated otherwise.
        tags |= {"model_id": first.data.tags["model_id"], "same_model_as": first.info.run_id}
    else:
        tags["model_id"] = _log_model(client, run_id, dataset, model_sha256)
    _log_datasets(client, run_id, dataset, digest)
    for path in (layout.HISTORY, layout.TRAINING, layout.PROCESSED / "dataset.json"):
        client.log_artifact(run_id, str(path), "training")
    if layout.VALIDATION.is_dir():
        client.log_artifacts(run_id, str(layout.VALIDATION), "validation")
    # The key by which others find this run comes last: a run that has it is complete.
    for key, value in {**tags, "model_sha256": model_sha256}.items():
        client.set_tag(run_id, key, value)


def _log_model(client: MlflowClient, run_id: str, dataset: Dataset, model_sha256: str) -> str:
    """Log models/model.keras, byte for byte, with signature, input example and pinned requirements. Returns its id."""
    from digits.tensorflow_setup import use_tensorflow

    use_tensorflow()
    import mlflow.keras
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    from digits.model import load_model

    images, labels = dataset.arrays("validation")
    side = images.shape[1:]
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("uint8"), (-1, *side), "pixels")]),
        outputs=Schema([TensorSpec(np.dtype("float32"), (-1, labels.shape[1]))]),
    )

    def save(path: str, validate_serving_input: bool, **options: Any) -> None:
        # save_model writes the input example before it makes the folder.
        Path(path).mkdir()
        mlflow.keras.save_model(load_model(layout.MODEL), path, **options)
        # Keras stamps each save with the time: the logged file is to be the one whose hash the run carries. It lies at
        # the top, where one who pulls the folder looks; MLflow's loader takes the place from the flavour's `data`.
        shutil.rmtree(Path(path) / "data")
        shutil.copyfile(layout.MODEL, Path(path) / "model.keras")
        mlflow_model = options["mlflow_model"]
        mlflow_model.flavors["keras"]["data"] = "model"
        mlflow_model.save(str(Path(path) / "MLmodel"))

    run = client.get_run(run_id)
    logged = client.create_logged_model(
        run.info.experiment_id,
        name="digits",
        source_run_id=run_id,
        tags={"model_sha256": model_sha256},
        params=run.data.params,
        model_type="classifier",
    )
    Model.log(
        artifact_path=None,
        flavor=SimpleNamespace(save_model=save, __name__="mlflow.keras"),
        run_id=run_id,
        model_id=logged.model_id,
        signature=signature,
        input_example=np.ascontiguousarray(images[:2]),
        validate_serving_input=False,
        pip_requirements=[f"{name}=={number}" for name, number in _libraries().items()],
    )
    return logged.model_id


def _log_datasets(client: MlflowClient, run_id: str, dataset: Dataset, digest: str) -> None:
    """Link the three splits, under DVC's digest of data/processed."""
    from mlflow.entities import Dataset as DatasetEntity
    from mlflow.entities import DatasetInput, InputTag
    from mlflow.types import Schema, TensorSpec

    inputs = []
    for split, context in (("train", "training"), ("validation", "validation"), ("test", "testing")):
        images, labels = dataset.arrays(split)
        schema = {
            name: Schema([TensorSpec(array.dtype, (-1, *array.shape[1:]))]).to_json()
            for name, array in (("features", images), ("targets", labels))
        }
        entity = DatasetEntity(
            name=split,
            digest=digest,
            source_type="dvc",
            source=json.dumps({"path": str(layout.PROCESSED), "md5": digest}),
            schema=json.dumps({"mlflow_tensorspec": schema}),
            profile=json.dumps({"images": len(images)}),
        )
        inputs.append(DatasetInput(entity, [InputTag("mlflow.data.context", context)]))
    client.log_inputs(run_id, inputs)


def _run_name(tags: dict[str, str], params: dict[str, Any]) -> str:
    committed = committed_params(tags.get("git_commit"))
    return run_name(tags, {} if committed is None else changed_params(params, committed))


def _log_params(client: MlflowClient, run_id: str, flat: dict[str, Any]) -> None:
    from mlflow.entities import Param

    present = client.get_run(run_id).data.params
    new = [Param(key, str(value)) for key, value in flat.items() if key not in present]
    # A store takes 100 parameters at a time.
    for start in range(0, len(new), 100):
        client.log_batch(run_id, params=new[start : start + 100])


def _log_source(client: MlflowClient, run_id: str, tags: dict[str, str]) -> None:
    """Keep what the commit does not: params.yaml, and all changes to tracked files as a patch."""
    client.log_artifact(run_id, "params.yaml", "source")
    if tags.get("git_dirty") == "true":
        with tempfile.TemporaryDirectory() as folder:
            patch = Path(folder) / Path(PATCH).name
            patch.write_bytes(uncommitted_patch(tags["git_commit"]))
            client.log_artifact(run_id, str(patch), str(Path(PATCH).parent))


def _log_metrics(
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


def _refuse_other_params(params: Params) -> None:
    """Refuse to describe the model by parameters that it was not trained with: dvc.lock has those that it was.

    Raises:
        DigitsError: params.yaml was changed since; the message names the keys.
    """
    lock = Path("dvc.lock")
    stages = (YAML(typ="safe").load(lock) or {}).get("stages", {}) if lock.is_file() else {}
    trained: dict[str, Any] = {}
    for stage in ("fetch", "validate", "preprocess", "train"):
        trained |= flatten(stages.get(stage, {}).get("params", {}).get("params.yaml", {}))
    now = flatten(params)
    if changed := [key for key, value in trained.items() if now.get(key) != value]:
        raise DigitsError(
            f"params.yaml was changed since {layout.MODEL} was trained ({', '.join(changed)}): run `dvc repro` first"
        )


def _exists(client: MlflowClient, run_id: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        client.get_run(run_id)
    except MlflowException:
        return False
    return True


def _metric_name(name: str) -> str:
    """A class name as part of a metric's name, which may have few other characters than letters and digits."""
    return "".join(c if c.isalnum() or c in "_-. " else "_" for c in name)


def _unfinished(model_sha256: str) -> Path:
    return project_root() / ".digits" / "unfinished" / f"{model_sha256}.json"


def _libraries() -> dict[str, str]:
    """What the model needs, by the names under which any machine can install it."""
    try:
        tensorflow = version("tensorflow-cpu")
    except PackageNotFoundError:
        tensorflow = version("tensorflow")
    return {"tensorflow": tensorflow, "keras": version("keras"), "numpy": version("numpy")}


def _user() -> str:
    return os.environ.get("MLFLOW_TRACKING_USERNAME") or os.environ.get("USER") or "unknown"


def _this_process() -> str:
    process = psutil.Process()
    return f"{socket.gethostname()} {process.pid} {process.create_time():.0f}"


def _is_alive(identity: str) -> bool:
    pid, _, created = identity.partition(" ")
    try:
        return f"{psutil.Process(int(pid)).create_time():.0f}" == created
    except (psutil.NoSuchProcess, ValueError):
        return False

"""The record of the model in models/: its run, written from the files of the stages, anew where the store lacks it.

Files come first. A run that a store does not have (a new server, a restored checkout) is written from them, complete.
The SHA-256 of the model file is the key.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import BaseModel

from digits import dvc, paths, results
from digits.data.dataset import Dataset
from digits.errors import DigitsError
from digits.files import missing, read_json, sha256_file, write_json
from digits.params import Params, flatten
from digits.tracking import artifacts, find
from digits.tracking.logged_model import libraries_text, log_datasets, log_model
from digits.tracking.metric_names import metric_names
from digits.tracking.run import create_run, describe_run, log_metrics, restored_tags
from digits.tracking.source import source_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


class _Note(BaseModel):
    """What `leave_note` writes."""

    run_id: str
    training_seconds: float


# The stages whose parameters decide the bytes of the model.
_UP_TO_TRAINING = ("fetch", "validate", "preprocess", "train")


def ensure_run(client: MlflowClient, params: Params) -> str:
    """The id of the run of the model in models/, written anew from the files if the store does not have it.

    A run is a record: an evaluation on other test images, or by other parameters or code, is a run of its own beside
    the one that made the model.

    Raises:
        DigitsError: a file that the training stage writes is missing, or params.yaml is not what it was then.
    """
    sha256 = _model_sha256()
    if run := find.run_on_disk(client, params, find.runs_of_model(client, sha256), evaluation_mark()):
        _refuse_unreadable(client, run)
        return run.info.run_id
    note = _note(sha256)
    begun = read_json(note, _Note, f"`rm {note}` lets a new run be written") if note.is_file() else {}
    run_id = begun.get("run_id")
    if run_id is None or find.run_with_id(client, run_id) is None:
        _refuse_deleted(client, sha256, params)
        _refuse_other_params(params)
        run_id = create_run(client, params, restored_tags())
    complete_training(client, run_id, sha256, begun.get("training_seconds"))
    client.set_terminated(run_id, "FINISHED")
    note.unlink(missing_ok=True)
    return run_id


def recorded_run(client: MlflowClient, params: Params) -> str:
    """As `ensure_run`, but writes nothing.

    Raises:
        DigitsError: there is no model, or the store has no run of it.
    """
    run = find.run_on_disk(client, params, find.runs_of_model(client, _model_sha256()), evaluation_mark())
    if run is None:
        raise DigitsError(f"the store has no run of {paths.MODEL}: `digits sync` writes it")
    return run.info.run_id


def complete_training(
    client: MlflowClient, run_id: str, model_sha256: str, seconds: float | None, reproduction_of: Run | None = None
) -> None:
    """Log what training made: epochs not logged yet, data sets, model, validation report, and last the model's hash.

    Args:
        client: of the store.
        run_id: of the run to complete.
        model_sha256: of models/model.keras.
        seconds: duration of the training; None if nobody measured it.
        reproduction_of: the run that made the same bytes before. It stays the model's own run, and has the model.
    """
    training = results.read(paths.TRAINING)
    history = pd.read_csv(paths.HISTORY)
    logged = len(client.get_metric_history(run_id, "loss"))
    for row in history.iloc[logged:].to_dict("records"):
        epoch = int(row.pop("epoch"))
        log_metrics(client, run_id, {str(key): float(value) for key, value in row.items()}, step=epoch)
    log_metrics(client, run_id, {"epochs": training["epochs"]})
    if seconds is not None:
        log_metrics(client, run_id, {"training_seconds": round(seconds, 1)})

    dataset = Dataset(paths.PROCESSED)
    digest = dvc.digest(paths.PROCESSED)
    params = client.get_run(run_id).data.params
    tags = {
        artifacts.DATA_DIGEST: digest,
        artifacts.TEST_SHA256: dataset.facts["test_sha256"],
        artifacts.TWIN_SHA256: sha256_file(paths.TWIN),
        artifacts.MODEL_MD5: dvc.digest(paths.MODEL),
        artifacts.STOPPED_BY: training["reason"],
        artifacts.LIBRARIES: libraries_text(int(params.get(artifacts.WORKERS, 1))),
    }
    # The names of the classes are part of a model: the same bytes with other names are logged as another one.
    first = find.find_run(client, model_sha256, params.get(artifacts.CLASS_NAMES))
    if reproduction_of is not None:
        tags[artifacts.REPRODUCTION_OF] = reproduction_of.info.run_id
    elif first is not None and first.info.run_id != run_id:
        # The same model, to be evaluated in another way.
        tags |= {
            artifacts.MODEL_ID: first.data.tags[artifacts.MODEL_ID],
            artifacts.SAME_MODEL_AS: first.info.run_id,
        }
    else:
        tags[artifacts.MODEL_ID] = log_model(client, run_id, dataset, model_sha256)
    log_datasets(client, run_id, dataset, digest)
    _log_files(client, run_id, artifacts.TRAINING_FILES)
    if paths.VALIDATION.is_dir():
        client.log_artifacts(run_id, str(paths.VALIDATION), artifacts.VALIDATION)
    for key, value in {**tags, artifacts.MODEL_SHA256: model_sha256}.items():
        client.set_tag(run_id, key, value)


def complete_as_reproduction(client: MlflowClient, run_id: str, params: Params, original: str) -> None:
    """Write into a run that trained nothing what the files say, as a reproduction of the run that made the model.

    `mlflow run` begins such a run where `dvc repro` then finds everything up to date.
    """
    describe_run(client, run_id, params, source_tags())
    complete_training(client, run_id, sha256_file(paths.MODEL), None, reproduction_of=client.get_run(original))


def evaluation_mark() -> str | None:
    """What tells the evaluation on disk from others; None if there is none, or one of another model."""
    if not all(path.is_file() for path in artifacts.EVALUATION_FILES):
        return None
    if results.read(paths.EVALUATION)["model_sha256"] != sha256_file(paths.MODEL):
        return None
    return hashlib.sha256("".join(sha256_file(path) for path in artifacts.EVALUATION_FILES).encode()).hexdigest()


def log_evaluation(client: MlflowClient, run_id: str) -> None:
    """Log the files of stage evaluate, if they are of the model in models/; metrics are linked to it and the test data.

    Of the table of robustness, the mean accuracy of each perturbation becomes a metric.
    """
    mark = evaluation_mark()
    tags = client.get_run(run_id).data.tags
    if mark is None or tags.get(artifacts.EVALUATION_MARK) == mark:
        return
    scores = results.read(paths.METRICS)
    test = scores["test"]
    metrics = {
        f"{split}_{key}": value
        for split, values in scores.items()
        for key, value in values.items()
        if isinstance(value, int | float) and key != "n"
    }
    for name, scores in zip(metric_names(list(test["per_class"])), test["per_class"].values(), strict=True):
        # Nothing is known of a class without test images.
        if scores["support"]:
            metrics |= {f"test_{key}/{name}": scores[key] for key in ("precision", "recall", "f1")}
    calibration = results.read(paths.CALIBRATION)
    metrics["not_sure_below"] = calibration["not_sure_below"]
    metrics["test_accepted"] = calibration["test"]["accepted"]
    metrics["test_accepted_error"] = calibration["test"]["error"]
    metrics |= {f"robustness/{name}": mean for name, mean in results.read(paths.ROBUSTNESS_MEANS).items()}
    model_id, digest = tags.get(artifacts.MODEL_ID), tags.get(artifacts.DATA_DIGEST)
    log_metrics(client, run_id, metrics, model_id=model_id, digest=digest)
    _log_files(client, run_id, artifacts.EVALUATION_FILES)
    client.set_tag(run_id, artifacts.EVALUATION_MARK, mark)


def log_plots(client: MlflowClient, run_id: str) -> None:
    """Log the pictures of reports/plots and the page. Those of a run that was registered stay as they were then."""
    page = paths.REPORT.is_file()
    mark = " ".join([dvc.digest(paths.PLOTS), *([dvc.digest(paths.REPORT)] if page else [])])
    logged = client.get_run(run_id).data.tags.get(artifacts.PLOTS_MARK)
    if logged == mark or (logged and client.search_model_versions(f"run_id = '{run_id}'")):
        return
    client.log_artifacts(run_id, str(paths.PLOTS), artifacts.PLOTS)
    if page:
        client.log_artifact(run_id, str(paths.REPORT), str(Path(artifacts.REPORT).parent))
    client.set_tag(run_id, artifacts.PLOTS_MARK, mark)


def leave_note(model_sha256: str, run_id: str, seconds: float) -> None:
    """Note the run of a model whose record could not be completed. `digits sync` reads the note."""
    write_json(_note(model_sha256), {"run_id": run_id, "training_seconds": round(seconds, 1)})


def _note(model_sha256: str) -> Path:
    return paths.state() / "unfinished" / f"{model_sha256}.json"


def _model_sha256() -> str:
    if not paths.MODEL.is_file():
        raise missing(paths.MODEL)
    return sha256_file(paths.MODEL)


def _log_files(client: MlflowClient, run_id: str, files: dict[Path, str]) -> None:
    for path, artifact in files.items():
        client.log_artifact(run_id, str(path), artifact.rpartition("/")[0])


def _refuse_deleted(client: MlflowClient, model_sha256: str, params: Params) -> None:
    """Refuse to write a second run of a model whose run somebody can bring back.

    Raises:
        DigitsError: it is in MLflow's bin; the message names both ways out.
    """
    if deleted := find.deleted_run(client, model_sha256, find.as_param(params.preprocess.class_names)):
        raise DigitsError(
            f"the run of this model, {deleted.info.run_name}, was deleted: {find.restore_command(client, deleted)} "
            "brings it back, and after `mlflow gc` a new one is written"
        )


def _refuse_unreadable(client: MlflowClient, run: Run) -> None:
    """Refuse to call a run complete whose artifacts are not where the store says.

    Raises:
        DigitsError: they were deleted, or a database was restored without them; the message names two ways out.
    """
    place = artifacts.TRAINING_FILES[paths.TRAINING]
    if artifacts.download(client, run.info.run_id, place) is None:
        raise DigitsError(
            f"run {run.info.run_id} is in the store, but its artifacts cannot be read from {run.info.artifact_uri}: "
            f"restore them, or delete the run (`mlflow runs delete --run-id {run.info.run_id}`, `mlflow gc`) and run "
            "`digits sync` to write it anew"
        )


def _refuse_other_params(params: Params) -> None:
    """Refuse to describe the model by parameters that it was not trained with: dvc.lock has those that it was.

    Raises:
        DigitsError: params.yaml was changed since; the message names the keys.
    """
    now = flatten(params)
    trained = flatten(dvc.locked_params(_UP_TO_TRAINING))
    if changed := [key for key, value in trained.items() if now.get(key) != value]:
        raise DigitsError(
            f"params.yaml was changed since {paths.MODEL} was trained ({', '.join(changed)}): run `dvc repro` first"
        )

"""What a run of this project holds in MLflow: the names of its artifacts and tags. They stand in no other module."""

from __future__ import annotations

import atexit
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from digits import paths

if TYPE_CHECKING:
    from mlflow import MlflowClient

# The files of training and evaluation, and where a run has them.
TRAINING_FILES = {
    path: f"training/{path.name}" for path in (paths.HISTORY, paths.TRAINING, paths.TWIN_CHECK, paths.DATASET)
}
EVALUATION_FILES = {
    path: f"evaluation/{path.name}"
    for path in (
        paths.EVALUATION,
        paths.METRICS,
        paths.PREDICTIONS,
        paths.CALIBRATION,
        paths.PROTOTYPES,
        paths.ROBUSTNESS,
        paths.ROBUSTNESS_MEANS,
    )
}
RESULT_FILES = TRAINING_FILES | EVALUATION_FILES
VALIDATION = "validation"
# Of the raw data, logged with all that is beside them.
VALIDATION_FILES = {path: f"{VALIDATION}/{path.name}" for path in (paths.VALIDATION_FACTS, paths.VALIDATION_FIGURE)}
PLOTS = "plots"
REPORT = f"report/{paths.REPORT.name}"
"""The run on one page, which MLflow's interface shows."""
# In the folder of the logged model, and so in what `digits pull` writes.
CLASSES = paths.CLASSES.name
"""Names of the classes."""
BOM = "environment.cdx.json"
"""Packages of the environment that logged the model, as CycloneDX."""
MODEL_CARD = "model_card.md"
"""What the model is, how good it is and how to use it."""
PARAMS = "source/params.yaml"
"""The parameters of the run, as the file that it read."""
PATCH = "source/uncommitted.patch"
"""How the working tree differed from the commit."""

# --- Tags of a run, some of them also of a version ------------------------------------------------------------------

# A parameter, too. A version has it as a tag: with the model's hash it says which model that is.
CLASS_NAMES = "preprocess.class_names"
"""Names of the model's classes."""
# The only parameter that is in no section of params.yaml.
RECIPE = "recipe"
"""Recipe of the parameters; also a parameter of the run."""
CPU, WORKERS = "train.cpu", "train.workers"
# The key by which a run is found. It is set last: a run that has it is complete.
MODEL_SHA256 = "model_sha256"
"""SHA-256 of `model.keras`."""
TWIN_SHA256 = "twin_sha256"
"""SHA-256 of `model.tflite`, the same network in the format that needs no TensorFlow."""
MODEL_MD5 = "model_md5"
"""Digest under which DVC knows `model.keras`."""
MODEL_ID = "model_id"
"""MLflow's logged model."""
DATA_DIGEST = "data_digest"
"""DVC's digest of `data/processed`."""
TEST_SHA256 = "test_sha256"
"""SHA-256 of the test images and their labels: figures of equal ones compare."""
REPRODUCTION_OF = "reproduction_of"
"""The run whose model this run made again, byte for byte."""
SAME_MODEL_AS = "same_model_as"
"""The run that made the model which this run evaluated in another way."""
STOPPED_BY = "stopped_by"
"""Why the training ended, in words."""
PROCESSOR = "processor"
"""Name of the processor that trained."""
INSTRUCTIONS = "instructions"
"""Which of its instructions TensorFlow was allowed."""
LIBRARIES = "libraries"
"""Versions of Python and the libraries."""
EVALUATION_MARK = "evaluation"
"""Hash of the files of stage evaluate that the run has."""
PLOTS_MARK = "plots"
"""DVC's digests of the pictures and the page that the run has."""
PROCESS = "process"
"""Host, process id and start time of the training."""
RESTORED = "restored_from_files"
"""That the record was written after the training, from its files."""
SWEEP = "sweep"
"""Name of the search that the run belongs to."""
SWEEP_TRIAL = "sweep.trial"
"""Which of its trainings the run is."""
SWEEP_STOPPED_AT = "sweep.stopped_at"
"""After which epoch the search ended the training."""
SWEEP_FAILED = "sweep.failed"
"""Why the training failed."""
GIT_COMMIT = "git_commit"
"""The commit of the code."""
GIT_BRANCH = "git_branch"
"""Its branch."""
GIT_FOLDER = "git_folder"
"""The project's folder from the repository's top on; `.` where that is the project itself."""
GIT_DIRTY = "git_dirty"
"""Whether the working tree differed from the commit."""
GIT_CHANGED = "git_changed"
"""Files that differed."""
GIT_UNTRACKED = "git_untracked"
"""Files that git does not know and that the stages import."""
DVC_EXPERIMENT = "dvc_experiment"
"""Name of the DVC experiment."""


def of_params(key: str) -> bool:
    """Whether a run's parameter is one of params.yaml. The others are those of an entry point of `mlflow run`."""
    return "." in key or key == RECIPE


def download(client: MlflowClient, run_id: str, path: str) -> Path | None:
    """A run's artifact on this disk, or None if the run does not have it. It is deleted when this process ends."""
    # By way of the run's id, MLflow asks a server four times more, for the run's models.
    return downloader(client.get_run(run_id).info.artifact_uri, run_id)(path)


def downloader(location: str, owner: str) -> Callable[[str], Path | None]:
    """As `download`, for many artifacts of a run or a logged model that gets no more: each folder is listed once.

    Args:
        location: of its artifacts.
        owner: its id.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    repository = get_artifact_repository(location)

    @functools.cache
    def listed(folder: str) -> set[str]:
        return {item.path for item in repository.list_artifacts(folder or None)}

    def fetch(path: str) -> Path | None:
        if path not in listed(path.rpartition("/")[0]):
            return None
        here = scratch() / owner
        here.mkdir(exist_ok=True)
        return Path(repository.download_artifacts(path, str(here)))

    return fetch


@functools.cache
def scratch() -> Path:
    """A folder for what is downloaded. It is deleted when this process ends."""
    holder = tempfile.TemporaryDirectory(prefix="digits-")
    atexit.register(holder.cleanup)
    return Path(holder.name)

"""What a run of this project holds in MLflow: the names of its artifacts and tags. They stand in no other module."""

from __future__ import annotations

import atexit
import functools
import tempfile
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
# In the folder of the logged model, and so in what `digits pull` writes.
CLASSES = paths.CLASSES.name
BOM = "environment.cdx.json"
MODEL_CARD = "model_card.md"
PARAMS = "source/params.yaml"
PATCH = "source/uncommitted.patch"

# --- Tags of a run, some of them also of a version ------------------------------------------------------------------

# The parameter that names the classes. A version has it as a tag: with the model's hash it says which model that is.
CLASS_NAMES = "preprocess.class_names"
# The parameter that names the recipe: the only one that is in no section of params.yaml.
RECIPE = "recipe"
CPU = "train.cpu"
# The key by which a run is found. It is set last: a run that has it is complete.
MODEL_SHA256 = "model_sha256"
# Of the same network in the format that needs no TensorFlow.
TWIN_SHA256 = "twin_sha256"
# The digest under which DVC knows the same file.
MODEL_MD5 = "model_md5"
MODEL_ID = "model_id"
DATA_DIGEST = "data_digest"
TEST_SHA256 = "test_sha256"
# The run whose model this run made again, byte for byte.
REPRODUCTION_OF = "reproduction_of"
# The run that made the model which this run evaluated in another way.
SAME_MODEL_AS = "same_model_as"
STOPPED_BY = "stopped_by"
# The processor that trained, and which of its instructions TensorFlow was allowed.
PROCESSOR = "processor"
INSTRUCTIONS = "instructions"
LIBRARIES = "libraries"
# Hash of the evaluation's files, and DVC's digest of the pictures.
EVALUATION_MARK = "evaluation"
PLOTS_MARK = "plots"
# Host, process id and start time of the training.
PROCESS = "process"
RESTORED = "restored_from_files"
# Of the runs of a search: its name, which of its trainings, after which epoch it was ended, why it failed.
SWEEP = "sweep"
SWEEP_TRIAL = "sweep.trial"
SWEEP_STOPPED_AT = "sweep.stopped_at"
SWEEP_FAILED = "sweep.failed"
GIT_COMMIT = "git_commit"
GIT_BRANCH = "git_branch"
# The project's folder from the repository's top on; "." where that is the project itself.
GIT_FOLDER = "git_folder"
GIT_DIRTY = "git_dirty"
GIT_CHANGED = "git_changed"
GIT_UNTRACKED = "git_untracked"
DVC_EXPERIMENT = "dvc_experiment"


def of_params(key: str) -> bool:
    """Whether a run's parameter is one of params.yaml. The others are those of an entry point of `mlflow run`."""
    return "." in key or key == RECIPE


def download(client: MlflowClient, run_id: str, path: str) -> Path | None:
    """A run's artifact on this disk, or None if the run does not have it. It is deleted when this process ends."""
    folder = path.rpartition("/")[0] or None
    if not any(item.path == path for item in client.list_artifacts(run_id, folder)):
        return None
    here = scratch() / run_id
    here.mkdir(exist_ok=True)
    return Path(client.download_artifacts(run_id, path, str(here)))


@functools.cache
def scratch() -> Path:
    """A folder for what is downloaded. It is deleted when this process ends."""
    holder = tempfile.TemporaryDirectory(prefix="digits-")
    atexit.register(holder.cleanup)
    return Path(holder.name)

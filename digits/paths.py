"""Where the project keeps its files. The relative paths start at the project's folder and stand in dvc.yaml, too."""

from pathlib import Path

PARAMS = Path("params.yaml")
# Left by stage params, for stage fetch to depend on.
PARAMS_CHECKED = Path("data/params_checked.txt")
RAW = Path("data/raw")
# Files of data/raw that arrived before an interruption.
RAW_PARTS = Path("data/.fetch")
PROCESSED = Path("data/processed")
DATASET = PROCESSED / "dataset.json"
MODEL = Path("models/model.keras")
# The names of the model's classes, beside a model that was logged or taken away. No stage writes it.
CLASSES = MODEL.with_name("classes.json")
VALIDATION = Path("reports/validation")
HISTORY = Path("reports/history.csv")
TRAINING = Path("reports/training.json")
METRICS = Path("reports/metrics.json")
# Names the evaluated model, its test images and the settings. The figures beside it belong to no other model.
EVALUATION = Path("reports/evaluation.json")
PREDICTIONS = Path("reports/predictions.csv")
CALIBRATION = Path("reports/calibration.json")
ROBUSTNESS = Path("reports/robustness.csv")
ROBUSTNESS_MEANS = Path("reports/robustness.json")
PLOTS = Path("reports/plots")
GATES = Path("reports/gates.json")

_EXPERIMENT_COPIES = (".dvc", "tmp", "exps")


def project_root(folder: Path | None = None) -> Path:
    """The main working copy, also from within the temporary copies of `dvc queue` and `dvc exp run --temp`.

    DVC makes those in `<root>/.dvc/tmp/exps/`, each with a git of its own, and deletes them afterwards.

    Args:
        folder: where to start; default is the current folder.
    """
    folder = (folder or Path.cwd()).resolve()
    parts, length = folder.parts, len(_EXPERIMENT_COPIES)
    for at in range(len(parts) - length + 1):
        if parts[at : at + length] == _EXPERIMENT_COPIES:
            return Path(*parts[:at])
    return next((f for f in [folder, *folder.parents] if (f / "dvc.yaml").is_file()), folder)


def state() -> Path:
    """The folder for locks, notes and downloaded models: `.digits` in the main working copy."""
    return project_root() / ".digits"

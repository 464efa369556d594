"""Where the project keeps its files. The relative paths start at the project's folder and stand in dvc.yaml, too."""

from pathlib import Path

PARAMS = Path("params.yaml")
RECIPES = Path("recipes")
# Left by stage params, for stage fetch to depend on.
PARAMS_CHECKED = Path("data/params_checked.txt")
RAW = Path("data/raw")
# Files of data/raw that arrived before an interruption.
RAW_PARTS = Path("data/.fetch")
# Further data sets, each a folder with the files of a raw one, and the one of these that `digits collect` makes.
EXTRA = Path("data/feedback")
FEEDBACK = EXTRA / "images"
PROCESSED = Path("data/processed")
DATASET = PROCESSED / "dataset.json"
"""Names of the classes, sizes of the splits and hash of the test images."""
# Test images changed in the ways that robustness is measured on.
PERTURBED = Path("data/perturbed.npz")
MODEL = Path("models/model.keras")
"""The network, which Keras loads in safe mode."""
TWIN = MODEL.with_name("model.tflite")
"""The same network in a format that needs no TensorFlow."""
# Beside a model that was logged or taken away. No stage writes it.
CLASSES = MODEL.with_name("classes.json")
"""Names of the classes."""
VALIDATION = Path("reports/validation")
VALIDATION_FACTS = VALIDATION / "validation.json"
"""What the expectations found in the raw data."""
VALIDATION_FIGURE = VALIDATION / "validation.png"
"""The same as a picture."""
HISTORY = Path("reports/history.csv")
"""A row an epoch: accuracy and loss of training and validation images."""
TRAINING = Path("reports/training.json")
"""How many epochs there were and why the training ended."""
TWIN_CHECK = Path("reports/twin.json")
"""How far the answers of `model.keras` and `model.tflite` are from each other."""
METRICS = Path("reports/metrics.json")
"""The metrics of the test images, and of those of further data sets."""
# The figures beside it belong to no other model.
EVALUATION = Path("reports/evaluation.json")
"""Names the evaluated model, its test images and the settings."""
PREDICTIONS = Path("reports/predictions.csv")
"""A row a test image: true class, answer and its probability."""
CALIBRATION = Path("reports/calibration.json")
"""Below which probability an answer is not sure, and how many answers are sure and wrong."""
# An image unlike all of them is not surely a digit.
PROTOTYPES = Path("reports/prototypes.npz")
"""Typical training images of each class."""
ROBUSTNESS = Path("reports/robustness.csv")
"""Accuracy on changed test images, by change and strength."""
ROBUSTNESS_MEANS = Path("reports/robustness.json")
"""Mean accuracy of each change."""
PLOTS = Path("reports/plots")
# The class of each test image and the answer, by their names, for `dvc plots`.
ANSWERS = Path("reports/answers.csv")
# The run on one page.
REPORT = Path("reports/index.html")
GATES = Path("reports/gates.json")
# Of the labels. No stage writes it.
AUDIT = Path("reports/audit.html")

_EXPERIMENT_COPIES = (".dvc", "tmp", "exps")


def project_root(folder: Path | None = None) -> Path:
    """The project's folder in the main working copy, also from within the copies of `dvc queue` and `exp run --temp`.

    DVC makes those copies in `<root>/.dvc/tmp/exps/`, each with a git of its own, and deletes them afterwards. `<root>`
    is the project, or a folder above it: a larger repository may have one `.dvc` for several projects.

    Args:
        folder: where to start; default is the current folder.
    """
    folder = (folder or Path.cwd()).resolve()
    above = [folder, *folder.parents]
    project = next((f for f in above if (f / "dvc.yaml").is_file()), None)
    parts, length = folder.parts, len(_EXPERIMENT_COPIES)
    for at in range(len(parts) - length + 1):
        if parts[at : at + length] == _EXPERIMENT_COPIES:
            root = Path(*parts[:at])
            # The copy has the same folder `.dvc` as the main working copy, so both have the project at the same place.
            copy = next((f for f in above if (f / ".dvc").is_dir()), root)
            is_within = copy != root and project is not None and project.is_relative_to(copy)
            return root / project.relative_to(copy) if is_within and project else root
    return project or folder


def recipe_names() -> list[str]:
    """The names of the project's recipes, in alphabetical order."""
    return sorted(path.stem for path in (project_root() / RECIPES).glob("*.yaml") if path.is_file())


def state() -> Path:
    """The folder for locks, notes and downloaded models: `.digits` in the main working copy."""
    return project_root() / ".digits"

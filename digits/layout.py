"""Where the pipeline keeps its files, relative to the project's folder. The same paths stand in dvc.yaml."""

from pathlib import Path

RAW = Path("data/raw")
PROCESSED = Path("data/processed")
MODEL = Path("models/model.keras")
VALIDATION = Path("reports/validation")
HISTORY = Path("reports/history.csv")
TRAINING = Path("reports/training.json")
METRICS = Path("reports/metrics.json")
# Which model was evaluated, on what and how: the figures beside it are of no other.
EVALUATION = Path("reports/evaluation.json")
PREDICTIONS = Path("reports/predictions.csv")
CALIBRATION = Path("reports/calibration.json")
ROBUSTNESS = Path("reports/robustness.csv")
ROBUSTNESS_MEANS = Path("reports/robustness.json")
PLOTS = Path("reports/plots")
GATES = Path("reports/gates.json")

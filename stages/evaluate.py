"""Stage evaluate: measure the model on the test images, which no other stage looks at to decide anything.

Run by DVC as `python -m stages.evaluate`.
"""

import numpy as np

from digits import layout, tracking
from digits.errors import one_line_errors
from digits.files import atomic_path, write_json
from digits.inference import Classifier
from digits.params import load_params
from digits.scores import predictions_frame, score
from digits.split import Dataset


def main() -> None:
    """Read section `evaluate` of params.yaml, models/ and data/processed; write the metrics and the predictions."""
    with one_line_errors("evaluate"):
        params = load_params()
        dataset = Dataset(layout.PROCESSED)
        images, labels = dataset.arrays("test")
        client = tracking.connect()
        classifier = Classifier(layout.MODEL, threads=params.train.threads)

        probabilities = classifier(np.asarray(images), params.evaluate.batch_size)
        actual = labels.argmax(axis=1)
        names, confidence, bins = dataset.class_names, params.evaluate.confidence, params.evaluate.calibration_bins
        metrics = score(actual, probabilities, names, confidence, bins)
        write_json(layout.METRICS, {"test": metrics})
        with atomic_path(layout.PREDICTIONS) as part:
            predictions_frame(actual, probabilities).to_csv(part, index=False)

        tracking.log_evaluation(client, tracking.ensure_run(client, params))
        low, high = metrics["accuracy_low"], metrics["accuracy_high"]
        print(f"evaluate: test accuracy {metrics['accuracy']:.4f} ({confidence:.0%}: {low:.4f} to {high:.4f})")


if __name__ == "__main__":
    main()

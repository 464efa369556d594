"""Stage evaluate: measure the model on the test images, which no other stage looks at to decide anything.

Run by DVC as `python -m stages.evaluate`.
"""

import numpy as np

from digits import layout, tracking
from digits.errors import one_line_errors
from digits.files import atomic_path, sha256_file, write_json
from digits.inference import Classifier
from digits.params import load_params
from digits.robustness import mean_accuracy, robustness
from digits.scores import acceptance, not_sure_below, predictions_frame, score
from digits.split import Dataset


def main() -> None:
    """Read section `evaluate` of params.yaml, models/ and data/processed; write metrics, predictions, robustness."""
    with one_line_errors("evaluate"):
        params = load_params()
        options = params.evaluate
        dataset = Dataset(layout.PROCESSED)
        (images, labels), (seen_images, seen_labels) = dataset.arrays("test"), dataset.arrays("validation")
        client = tracking.connect()
        # Missing until all the rest is there: what a killed process leaves is taken for no evaluation.
        layout.EVALUATION.unlink(missing_ok=True)
        classifier = Classifier(layout.MODEL, threads=params.train.threads)

        probabilities, actual = classifier(np.asarray(images), options.batch_size), labels.argmax(axis=1)
        metrics = score(actual, probabilities, dataset.class_names, options.confidence, options.calibration_bins)
        write_json(layout.METRICS, {"test": metrics})
        with atomic_path(layout.PREDICTIONS) as part:
            predictions_frame(actual, probabilities).to_csv(part, index=False)

        # A threshold is a decision, so it comes from validation images; the test images say what it is worth.
        seen_probabilities, seen = classifier(np.asarray(seen_images), options.batch_size), seen_labels.argmax(axis=1)
        threshold = not_sure_below(seen_probabilities, seen, options.accepted_error)
        validation, test = acceptance(seen, seen_probabilities, threshold), acceptance(actual, probabilities, threshold)
        write_json(layout.CALIBRATION, {"not_sure_below": threshold, "validation": validation, "test": test})

        table = robustness(classifier, images, actual, options)
        with atomic_path(layout.ROBUSTNESS) as part:
            table.to_csv(part, index=False)
        write_json(layout.ROBUSTNESS_MEANS, mean_accuracy(table))

        identity = {"model_sha256": sha256_file(layout.MODEL), "test_sha256": dataset.facts["test_sha256"]}
        intervals = {"confidence": options.confidence, "calibration_bins": options.calibration_bins}
        write_json(layout.EVALUATION, identity | intervals)
        tracking.log_evaluation(client, tracking.ensure_run(client, params))
        low, high = metrics["accuracy_low"], metrics["accuracy_high"]
        print(f"evaluate: test accuracy {metrics['accuracy']:.4f} ({options.confidence:.0%}: {low:.4f} to {high:.4f})")


if __name__ == "__main__":
    main()

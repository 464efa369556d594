"""Stage evaluate: measure the model on the test images. No other stage decides anything by them."""

from digits import paths
from digits.data.dataset import Dataset
from digits.evaluation.calibration import acceptance, not_sure_below
from digits.evaluation.perturbation import load_perturbed
from digits.evaluation.prototypes import limits, typical
from digits.evaluation.robustness import mean_accuracy, robustness
from digits.evaluation.scores import absent_classes, predictions_frame, score, share_right
from digits.files import atomic_path, sha256_file, write_json
from digits.model.classifier import twin_classifier
from digits.params import Params
from digits.pictures.prototypes import Prototypes, save_prototypes


def main(params: Params) -> None:
    """Read section `evaluate`, models/ and data/processed; write metrics, predictions, robustness."""
    options = params.evaluate
    dataset = Dataset(paths.PROCESSED)
    images, seen_images = (dataset.arrays(split)[0] for split in ("test", "validation"))
    actual, seen = dataset.labels("test"), dataset.labels("validation")
    # It is written last: what a killed process leaves is no evaluation.
    paths.EVALUATION.unlink(missing_ok=True)
    classifier = twin_classifier(paths.MODEL, params.train.threads)

    probabilities = classifier(images, options.batch_size)
    metrics = score(actual, probabilities, dataset.class_names, options.confidence, options.calibration_bins)
    scores = {"test": metrics}
    if dataset.has_feedback:
        answers = classifier(dataset.arrays("feedback")[0], options.batch_size)
        scores["feedback"] = share_right(dataset.labels("feedback"), answers, options.confidence)
    write_json(paths.METRICS, scores)
    with atomic_path(paths.PREDICTIONS) as part:
        predictions_frame(actual, probabilities).to_csv(part, index=False)

    # A threshold is a decision, so it comes from validation images. The test images say what it is worth.
    seen_probabilities = classifier(seen_images, options.batch_size)
    threshold = not_sure_below(seen_probabilities, seen, options.accepted_error)
    validation, test = acceptance(seen, seen_probabilities, threshold), acceptance(actual, probabilities, threshold)
    write_json(paths.CALIBRATION, {"not_sure_below": threshold, "validation": validation, "test": test})
    known = typical(dataset.arrays("train")[0], dataset.labels("train"), len(dataset.class_names))
    allowed = limits(known, seen_images, seen, seen_probabilities.argmax(axis=1), options.confidence)
    save_prototypes(Prototypes(known, allowed), paths.PROTOTYPES)

    table = robustness(classifier, load_perturbed(paths.PERTURBED), options.confidence)
    with atomic_path(paths.ROBUSTNESS) as part:
        table.to_csv(part, index=False)
    write_json(paths.ROBUSTNESS_MEANS, mean_accuracy(table))

    identity = {"model_sha256": sha256_file(paths.MODEL), "test_sha256": dataset.facts["test_sha256"]}
    intervals = {"confidence": options.confidence, "calibration_bins": options.calibration_bins}
    write_json(paths.EVALUATION, identity | intervals)
    if absent := absent_classes(metrics["per_class"]):
        print(f"evaluate: no test image of class {', '.join(absent)}: left out of macro F1 and of the weakest classes")
    low, high = metrics["accuracy_low"], metrics["accuracy_high"]
    print(f"evaluate: test accuracy {metrics['accuracy']:.4f} ({options.confidence:.0%}: {low:.4f} to {high:.4f})")

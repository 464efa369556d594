import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import classification_report

from digits.errors import DigitsError
from digits.evaluation import scores
from digits.evaluation.scores import METRICS, Metric, absent_classes, predictions_frame, score, weak_classes

ACTUAL = np.array([0, 0, 1, 2])


PROBABILITIES = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]], np.float32)


NAMES = ["zero", "one", "two"]


def test_metrics_by_hand():
    metrics = score(ACTUAL, PROBABILITIES, NAMES, confidence=0.95, bins=10)
    assert list(metrics) == [
        "n",
        "accuracy",
        "accuracy_low",
        "accuracy_high",
        "loss",
        "macro_f1",
        "calibration_error",
        "per_class",
    ]
    assert metrics["n"] == 4
    assert metrics["accuracy"] == 0.75
    # Wilson, 3 of 4.
    assert (metrics["accuracy_low"], metrics["accuracy_high"]) == pytest.approx((0.300642, 0.954413))
    assert metrics["loss"] == pytest.approx(-np.log([0.9, 0.2, 0.8, 0.5]).mean(), abs=1e-6)
    assert metrics["per_class"] == {
        "zero": {"precision": 1.0, "recall": 0.5, "f1": 0.666667, "support": 2},
        "one": {"precision": 0.5, "recall": 1.0, "f1": 0.666667, "support": 1},
        "two": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1},
    }
    assert metrics["macro_f1"] == pytest.approx(7 / 9, abs=1e-6)
    # Each image has a bin of its own: gaps 0.1, 0.7, 0.2, 0.5.
    assert metrics["calibration_error"] == pytest.approx(0.375)


def test_predictions_by_hand():
    frame = predictions_frame(ACTUAL, PROBABILITIES)
    assert frame.to_csv(index=False) == (
        "image,actual,predicted,probability\n0,0,0,0.9\n1,0,1,0.7\n2,1,1,0.8\n3,2,2,0.5\n"
    )


@settings(max_examples=30)
@given(st.integers(2, 6), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_metrics_agree_with_predictions_and_scikit_learn(classes, n, seed):
    rng = np.random.default_rng(seed)
    actual = rng.integers(0, classes, n)
    probabilities = rng.dirichlet(np.ones(classes), n).astype(np.float32)
    names = [f"class {label}" for label in range(classes)]
    metrics = score(actual, probabilities, names, 0.95, 15)
    frame = pd.read_csv(io.StringIO(predictions_frame(actual, probabilities).to_csv(index=False)))
    report = classification_report(
        frame["actual"],
        frame["predicted"],
        # A class without images has no part in the mean.
        labels=np.unique(actual),
        target_names=[names[label] for label in np.unique(actual)],
        output_dict=True,
        zero_division=0,
    )
    assert metrics["accuracy"] == round((frame["actual"] == frame["predicted"]).mean(), 6)
    assert metrics["accuracy_low"] <= metrics["accuracy"] <= metrics["accuracy_high"]
    assert metrics["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"], abs=1e-6)
    assert list(metrics["per_class"]) == names
    for name in names:
        expected = report.get(name, {"recall": 0, "support": 0})
        assert metrics["per_class"][name]["recall"] == pytest.approx(expected["recall"], abs=1e-6)
        assert metrics["per_class"][name]["support"] == expected["support"]
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert (frame["probability"] >= round(1 / classes, 6) - 1e-6).all()


def test_a_certain_mistake_costs_what_keras_charges():
    # Keras clips probabilities at 1e-7 (keras.config.epsilon), scikit-learn at float32's 1.2e-7: finite, and alike.
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)
    assert score(np.array([0, 1]), probabilities, ["a", "b"], 0.95, 15)["loss"] == pytest.approx(8.0, abs=0.1)


def test_diverged_training_is_named():
    probabilities = PROBABILITIES.copy()
    probabilities[1] = np.nan
    with pytest.raises(DigitsError, match=r"1 of 4 images .* diverged"):
        score(ACTUAL, probabilities, NAMES, 0.95, 15)
    with pytest.raises(DigitsError, match="diverged"):
        predictions_frame(ACTUAL, probabilities)


@settings(max_examples=40)
@given(st.integers(2, 6), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_classes_without_images_change_no_metric(classes, n, seed):
    """As if a class that no image has were none of the classes."""
    rng = np.random.default_rng(seed)
    actual = rng.integers(0, classes, n)
    probabilities = rng.dirichlet(np.ones(classes), n).astype(np.float32)
    # Two classes more: a dummy label 0, as EMNIST's letters have it, and one at the end.
    more = np.zeros((n, classes + 2), np.float32)
    more[:, 1:-1] = probabilities
    names = [f"class {label}" for label in range(classes)]
    plain = score(actual, probabilities, names, 0.95, 15)
    padded = score(actual + 1, more, ["dummy", *names, "last"], 0.95, 15)
    per_class = padded.pop("per_class")
    assert padded.pop("loss") == pytest.approx(plain.pop("loss"), abs=1e-5)
    assert {**padded, "per_class": {name: per_class[name] for name in names}} == plain
    assert per_class["dummy"] == per_class["last"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert {"dummy", "last"} <= set(absent_classes(per_class))
    assert not set(weak_classes(per_class, 10)) & set(absent_classes(per_class))
    assert len(weak_classes(per_class, 10)) == len(np.unique(actual))


def test_an_answer_that_no_image_can_have_counts_as_the_mistake_that_it_is():
    # One of two images of class 1 is taken for class 0, which no image has.
    metrics = score(np.array([1, 1]), np.array([[0.9, 0.1], [0.1, 0.9]], np.float32), ["dummy", "one"], 0.95, 15)
    assert metrics["macro_f1"] == metrics["per_class"]["one"]["f1"] == pytest.approx(2 / 3, abs=1e-6)


def test_weak_classes_are_the_lowest_first_and_ties_keep_their_order():
    per_class = {name: {"f1": f1, "support": 5} for name, f1 in (("a", 0.9), ("b", 0.5), ("c", 0.5), ("d", 0.4))}
    assert weak_classes(per_class) == ["d", "b"] and weak_classes(per_class, 3) == ["d", "b", "c"]


def test_metrics_as_people_see_them():
    metrics = score(ACTUAL, PROBABILITIES, NAMES, confidence=0.95, bins=10)
    assert [metric.number(metrics[metric.key]) for metric in METRICS] == ["75.00", "0.6578", "0.7778", "0.3750"]
    texts = [metric.text(metrics[metric.key]) for metric in METRICS]
    assert texts == ["75.00 %", "0.6578 nats", "0.7778", "0.3750"]


def test_each_metric_knows_which_direction_is_better():
    sure = np.full((4, 3), 0.005, np.float32)
    sure[range(4), ACTUAL] = 0.99
    good, poor = (score(ACTUAL, answers, NAMES, confidence=0.95, bins=10) for answers in (sure, PROBABILITIES))
    for metric in METRICS:
        assert (good[metric.key] > poor[metric.key]) == metric.higher_is_better


def test_a_new_metric_is_recorded_with_its_interval(monkeypatch):
    share_of_zeros = Metric(
        *("zeros", "zeros in %", "Zeros", ".1f", "%"),
        higher_is_better=True,
        compute=lambda answers: (answers.predicted == 0).mean(),
        interval=lambda answers: (0.2, 1 / 3),
    )
    monkeypatch.setattr(scores, "METRICS", (*METRICS, share_of_zeros))
    metrics = score(ACTUAL, PROBABILITIES, NAMES, confidence=0.95, bins=10)
    assert [*metrics][-5:] == ["calibration_error", "zeros", "zeros_low", "zeros_high", "per_class"]
    assert [metrics[key] for key in share_of_zeros.keys] == [0.25, 0.2, 0.333333]
    assert share_of_zeros.text(metrics["zeros"]) == "25.0 %"

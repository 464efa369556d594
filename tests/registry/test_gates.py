"""Each gate passes at its limit, fails beyond it, and says why."""

import io
import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy.stats import binom

from digits.errors import DigitsError
from digits.evaluation.paired import mcnemar_exact
from digits.params import AbsoluteGates, PromotionGates, RegisterParams
from digits.registry.gates import GATES, Evidence, check, failed, print_gates
from digits.results import Results

ABSOLUTE = AbsoluteGates(
    min_accuracy_low=0.98,
    min_macro_f1=0.98,
    max_calibration_error=0.02,
    max_size_mb=20.0,
    max_twin_difference=0.0001,
    max_latency_ms=50.0,
)
PROMOTION = PromotionGates(
    significance=0.05, non_inferiority_margin=0.002, class_margin=0.01, calibration_margin=0.01, latency_ratio=2.0
)
LIMITS = RegisterParams(
    model_name="digits",
    candidates_name="",
    data_name="MNIST",
    data_licence="by its authors",
    gates=ABSOLUTE,
    promotion=PROMOTION,
)
METRICS = {
    "accuracy": 0.99,
    "accuracy_low": 0.988,
    "macro_f1": 0.99,
    "calibration_error": 0.003,
    "per_class": {name: {} for name in ("zero", "one", "two", "three", "four")},
}


TWIN = {"images": 28_000, "same_class": 28_000, "max_difference": 0.000002}


def model(wrong=(), n=5000, latency_ms=1.0, **metrics):
    """A model that errs on these images, and its latency; the label of image i is i modulo 5."""
    actual = np.arange(n) % 5
    predicted = actual.copy()
    predicted[list(wrong)] = (predicted[list(wrong)] + 1) % 5
    results = Results("a model", lambda path: None)
    results.predictions = pd.DataFrame({"image": np.arange(n), "actual": actual, "predicted": predicted})
    results.metrics = METRICS | metrics
    results.twin = TWIN
    return results, latency_ms


def absolute_gates(metrics, size_mb, latency_ms):
    results, _ = model()
    results.metrics = metrics
    return check(Evidence(results, size_mb, latency_ms), LIMITS)


def promotion_gates(champion, challenger):
    (before, before_ms), (after, after_ms) = champion, challenger
    return check(Evidence(after, 2.8, after_ms, before, before_ms), LIMITS)[6:]


def test_a_good_model_passes_every_absolute_gate():
    gates = absolute_gates(METRICS, 2.8, 1.2)
    assert failed(gates) == []
    assert gates[0].observed == "98.80% (accuracy 99.00%)"
    assert gates[0].required == "at least 98.00%"
    assert json.loads(json.dumps([asdict(gate) for gate in gates]))[3] == {
        "name": "Size of the model file",
        "observed": "2.80 MB",
        "required": "at most 20.00 MB",
        "passed": True,
        "value": 2.8,
        "limit": 20.0,
    }


@pytest.mark.parametrize(
    ("metrics", "size_mb", "latency_ms", "name"),
    [
        ({"accuracy_low": 0.979999}, 2.8, 1.2, "Test accuracy, lower end of its interval"),
        ({"macro_f1": 0.9799}, 2.8, 1.2, "Macro F1"),
        ({"calibration_error": 0.0201}, 2.8, 1.2, "Expected calibration error"),
        ({}, 20.1, 1.2, "Size of the model file"),
        ({}, 2.8, 50.1, "Median time for one image"),
    ],
)
def test_each_absolute_gate_fails_alone(metrics, size_mb, latency_ms, name):
    assert failed(absolute_gates(METRICS | metrics, size_mb, latency_ms)) == [name]


def twin_gate(**changes):
    """What the gate of a twin finds, and the only one that may refuse."""
    results, latency_ms = model()
    results.twin = TWIN | changes
    gates = check(Evidence(results, 2.8, latency_ms), LIMITS)
    (gate,) = [gate for gate in gates if gate.name == "Same answers by the fast twin"]
    assert failed(gates) == ([] if gate.passed else [gate.name])
    return gate


def test_a_twin_that_answers_alike_passes():
    gate = twin_gate()
    assert gate.passed and (gate.value, gate.limit) == (0.000002, 0.0001)
    assert gate.observed == "same class for 28,000 of 28,000 images, probabilities differ by at most 0.000002"
    assert gate.required == "all, by at most 0.000100"


@pytest.mark.parametrize("changes", [{"same_class": 27_999}, {"max_difference": 0.000101}], ids=str)
def test_a_twin_that_answers_otherwise_is_refused(changes):
    assert not twin_gate(**changes).passed


def test_a_model_of_before_twins_has_no_such_gate():
    results, latency_ms = model()
    results.twin = None
    names = [gate.name for gate in check(Evidence(results, 2.8, latency_ms), LIMITS)]
    assert len(names) == 5 and not any("twin" in name for name in names)
    # The gates against a champion do not ask for a twin of it.
    champion, _ = model()
    champion.twin = None
    assert failed(promotion_gates((champion, 1.0), model())) == ["Better accuracy on the same images"]


def test_the_limit_itself_passes():
    at_limit = METRICS | {"accuracy_low": 0.98, "macro_f1": 0.98, "calibration_error": 0.02}
    assert failed(absolute_gates(at_limit, 20.0, 50.0)) == []
    assert twin_gate(max_difference=0.0001).passed
    # 10 of 1,000 images of class 0: a fall of exactly 0.01, against 60 images won elsewhere.
    champion = model(wrong=range(1, 301, 5))
    challenger = model(wrong=range(0, 50, 5), calibration_error=0.013, latency_ms=2.0)
    assert failed(promotion_gates(champion, challenger)) == []


def test_a_better_challenger_passes_and_the_table_says_why():
    gates = promotion_gates(model(wrong=range(60)), model(wrong=range(30)))
    assert failed(gates) == []
    assert gates[0].observed == "+0.60 points (98.80% → 99.40%), 30 images won, 0 lost, p < 0.0001"
    assert gates[0].required == "a gain with McNemar's exact p < 0.025 (model 1 against this champion)"
    assert gates[2].observed == "no class falls"


def test_each_model_that_was_looked_at_before_costs_a_part_of_the_level():
    champion, challenger = model(wrong=range(60)), model(wrong=range(52))
    gates = [check(Evidence(challenger[0], 2.8, 1.0, champion[0], 1.0, look=look), LIMITS)[6] for look in (1, 3)]
    assert [gate.passed for gate in gates] == [True, False]
    assert gates[0].value == gates[1].value and [gate.limit for gate in gates] == [0.05 / 2, 0.05 / 12]
    assert gates[1].required == "a gain with McNemar's exact p < 0.0042 (model 3 against this champion)"


def feedback_gates(before, after, learned):
    (champion, _), (challenger, _) = model(wrong=range(50)), model(wrong=range(50))
    feedback = tuple(np.arange(40) >= wrong for wrong in (before, after))
    evidence = Evidence(challenger, 2.8, 1.0, champion, 1.0, feedback=feedback, learned=learned)
    return {gate.name: gate for gate in check(evidence, LIMITS, against_champion_only=True)}


def test_a_model_that_learned_from_feedback_has_to_be_better_there_and_no_worse_on_the_test_images():
    gates = feedback_gates(20, 5, learned=True)
    assert "Better accuracy on the same images" not in gates and failed(list(gates.values())) == []
    gate = gates["Better accuracy on feedback"]
    assert gate.observed == "+37.50 points (50.00% → 87.50%), 15 images won, 0 lost, p < 0.0001"
    assert failed(list(feedback_gates(20, 18, learned=True).values())) == ["Better accuracy on feedback"]


def test_a_model_that_did_not_learn_from_it_must_not_be_worse_there():
    gates = feedback_gates(5, 20, learned=False)
    assert failed(list(gates.values())) == ["Better accuracy on the same images", "Accuracy on feedback not worse"]
    assert failed(list(feedback_gates(5, 6, learned=False).values())) == ["Better accuracy on the same images"]


def test_the_same_model_again_is_not_promoted():
    gates = promotion_gates(model(wrong=range(50)), model(wrong=range(50)))
    assert failed(gates) == ["Better accuracy on the same images"]


def test_a_worse_challenger_fails_although_its_difference_is_significant():
    gates = promotion_gates(model(wrong=range(30)), model(wrong=range(60)))
    assert gates[0].value < 0.05
    assert failed(gates) == ["Better accuracy on the same images", "Accuracy not inferior"]


@pytest.mark.parametrize(
    ("challenger", "name", "observed"),
    [
        (
            model(wrong=range(0, 55, 5)),
            "Recall of each class",
            "class zero falls by 1.10 points",
        ),
        (model(calibration_error=0.0131), "Rise of the calibration error", "+0.0101 (0.0030 → 0.0131)"),
        (model(latency_ms=2.5), "Median time for one image", "2.50 times (1.00 ms → 2.50 ms)"),
    ],
)
def test_a_better_challenger_that_regresses_elsewhere_is_refused(challenger, name, observed):
    gates = promotion_gates(model(wrong=range(1, 301, 5)), challenger)
    assert failed(gates) == [name]
    assert [gate.observed for gate in gates if not gate.passed] == [observed]


@pytest.mark.parametrize("column", ["image", "actual"])
def test_other_test_images_are_refused(column):
    other = model()
    other[0].predictions.loc[7, column] += 1
    with pytest.raises(DigitsError, match="different test images"):
        promotion_gates(model(), other)
    with pytest.raises(DigitsError, match="different test images"):
        promotion_gates(model(), model(n=4000))


def test_the_table_fits_80_columns_and_says_pass_or_fail_in_words():
    console = Console(width=80, record=True, file=io.StringIO())
    print_gates(promotion_gates(model(range(30)), model(range(60))), "Promotion of version 2", console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("FAIL") == 2
    assert text.count("pass") == 3
    assert "…" not in text


def test_chance_of_promotion_without_gain_is_at_most_half_the_significance_whatever_the_number_of_differences():
    for differ in range(1, 200):
        wins = np.arange(differ // 2 + 1, differ + 1)
        promoted = [mcnemar_exact(won, differ - won) < PROMOTION.significance for won in wins.tolist()]
        assert binom.pmf(wins, differ, 0.5)[promoted].sum() <= PROMOTION.significance / 2


def test_the_gates_of_a_file_under_dvc_are_the_same_but_for_times():
    """reports/gates.json is written from the list that decides."""
    results, latency_ms = model()
    decided = check(Evidence(results, 2.8, latency_ms), LIMITS)
    written = check(Evidence(results, 2.8), LIMITS, repeatable_only=True)
    assert written == [gate for gate in decided if gate.name != "Median time for one image"]


def test_a_model_without_champion_meets_the_gates_that_need_none():
    results, latency_ms = model()
    assert len(check(Evidence(results, 2.8, latency_ms), LIMITS)) == sum(not rule.against_champion for rule in GATES)

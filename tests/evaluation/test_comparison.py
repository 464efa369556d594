import pytest
from support.models import ALIKE, ALL, BETTER, FIRST, changed

from digits.errors import DigitsError
from digits.evaluation import comparison as module
from digits.evaluation.comparison import compare, sort_keys
from digits.evaluation.paired import compare_paired, mcnemar_exact, right
from digits.evaluation.scores import METRICS, Metric


def test_each_model_is_judged_against_the_baseline_with_holms_correction():
    comparison = compare(ALL)
    assert [entry.verdict for entry in comparison.entries] == [
        "baseline",
        "better",
        "no evidence",
        "worse",
        "not compared",
    ]
    assert comparison.tests == 3
    better = comparison.entries[1].paired
    alone = compare_paired(right(FIRST.predictions), right(BETTER.predictions))
    assert (better.wins, better.losses, better.p_value) == (40, 0, alone.p_value)
    # The smallest of three p values is multiplied by three.
    assert better.p_adjusted == pytest.approx(3 * mcnemar_exact(40, 0))
    assert (comparison.entries[0].accuracy, comparison.entries[1].accuracy) == (0.97, 0.99)
    assert all(entry.low < entry.accuracy < entry.high for entry in comparison.entries[:4])


def test_another_baseline_turns_the_verdict_round():
    comparison = compare([FIRST, BETTER], baseline="better")
    assert [entry.verdict for entry in comparison.entries] == ["worse", "baseline"]
    # A single comparison needs no correction.
    assert comparison.entries[0].paired.p_adjusted == comparison.entries[0].paired.p_value


def test_only_parameters_that_differ_are_shown_and_text_equals_number():
    from_mlflow = changed(FIRST, name="again", params={"train.seed": "42", "train.learning_rate": "0.001"})
    assert compare([FIRST, from_mlflow]).differing == []
    assert compare(ALL).differing == ["train.learning_rate", "train.batch_size"]


def test_the_same_model_file_is_named_as_such():
    twin = changed(FIRST, name="twin")
    assert compare([FIRST, twin]).entries[1].note == "no evidence: the same model file"
    # Models that only DVC knows have no hash. Two empty hashes are not the same file.
    unknown = [changed(FIRST, model_sha256=""), changed(BETTER, model_sha256="")]
    assert compare(unknown).entries[1].note == "better: 40 images differ, 40 won, 0 lost"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": []}, "nothing to compare"),
        ({"models": [FIRST, FIRST]}, "first: given more than once"),
        ({"models": [FIRST, BETTER], "baseline": "frist"}, r"--baseline frist: not among .* \(first, better\)"),
        ({"models": [FIRST, BETTER], "sort": "speed"}, "--sort speed: .* accuracy, .* train.learning_rate"),
    ],
)
def test_mistakes_of_the_user_are_named(arguments, message):
    with pytest.raises(DigitsError, match=message):
        compare(**arguments)


def test_predictions_of_other_images_under_the_same_hash_are_refused():
    shuffled = changed(BETTER, predictions=BETTER.predictions.iloc[::-1])
    with pytest.raises(DigitsError, match="different test images"):
        compare([FIRST, shuffled])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("accuracy", ["elsewhere", "better", "first", "alike", "worse"]),
        ("difference", ["better", "alike", "worse", "first", "elsewhere"]),
        ("training_seconds", ["first", "better", "elsewhere", "worse", "alike"]),
        ("train.learning_rate", ["first", "alike", "elsewhere", "better", "worse"]),
    ],
)
def test_sorting_puts_the_best_first_and_the_unknown_last(key, order):
    assert [entry.model.name for entry in compare(ALL, sort=key).entries] == order


@pytest.mark.slow
def test_every_sort_key_sorts():
    comparison = compare(ALL)
    for key in sort_keys(comparison.differing):
        result = compare(ALL, sort=key)
        assert sorted(entry.model.name for entry in result.entries) == sorted(model.name for model in ALL)
        assert result.baseline.model is FIRST


def test_models_can_be_sorted_by_a_new_metric(monkeypatch):
    metric = Metric("speed", "speed", "Speed", ".1f", "", higher_is_better=True, compute=lambda answers: 1.0)
    monkeypatch.setattr(module, "METRICS", (*METRICS, metric))
    slow, fast = (changed(m, metrics=m.metrics | {"speed": v}) for m, v in ((FIRST, 1.0), (BETTER, 2.0)))
    # The third was scored before the metric existed.
    comparison = compare([ALIKE, slow, fast], sort="speed")
    assert [entry.model.name for entry in comparison.entries] == ["better", "first", "alike"]
    assert [entry.score(metric) for entry in comparison.entries] == [2.0, 1.0, None]
    assert sort_keys()[-2:] == ["speed", "training_seconds"]

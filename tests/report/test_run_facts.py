"""What the report of a run says, of a small made-up model and of models whose differences are known."""

from dataclasses import replace

import pytest
from support.models import FIRST, WORSE
from support.reports import write_reports

from digits import paths
from digits.errors import DigitsError
from digits.evaluation.comparison import compare
from digits.registry.gates import Gate
from digits.report.run_facts import Setting, Standing, run_facts
from digits.results import Results

PARAMS = {
    "recipe": "seed",
    "fetch.files.test_images.name": "t10k",
    "fetch.files.test_images.sha256": "abc",
    "fetch.timeout": 10,
    "preprocess.transpose": False,
    "train.epochs": 2,
    "train.model.filters": [32, 64],
    "plot.dpi": 120,
}


GOOD = Gate("a", "0.9", "at least 0.8", True, 0.9, 0.8)
BAD = Gate("b", "0.7", "at least 0.8", False, 0.7, 0.8)
# What a model of an earlier version does not have.
LATER = (paths.ROBUSTNESS, paths.CALIBRATION)


@pytest.fixture
def results(tmp_path):
    write_reports(tmp_path)
    return Results("a model", lambda path: tmp_path / path if (tmp_path / path).is_file() else None, params=PARAMS)


def test_the_figures_are_those_of_the_files(results):
    facts = run_facts(results, {})
    assert facts.summary[0] == ("Test accuracy", "99.07 % (95% interval 98.00 to 100.00)")
    assert ("Weights", "225,034") in facts.summary and facts.accuracy == "99.07 %"
    assert facts.data == [
        ("Training images", "2"),
        ("Validation images", "1"),
        ("Test images", "4"),
        ("Classes", "cat, dog"),
    ]
    assert facts.training == [
        ("Ended", "enough"),
        ("Epochs", "2"),
        ("Best validation accuracy", "80.00 % in epoch 2"),
        ("Best validation loss", "0.4000 in epoch 2"),
    ]
    assert facts.calibration[1:] == [
        ("Not sure below a probability of", "0.7500"),
        ("Test images answered surely", "90.00 %, and 0.100 % of those wrongly"),
    ]
    assert facts.robustness == [
        ("unchanged", "100.0 %", "34.0 to 100.0 %", "2"),
        ("shifted by 1 px", "50.0 %", "10.0 to 90.0 %", "2"),
    ]


def test_what_differs_from_the_recipe_is_marked(results):
    facts = run_facts(results, {"train.epochs": 15, "train.model.filters": [32, 64]})
    assert facts.changed == [Setting("train.epochs", "2", "15")]
    assert [one.key for one in facts.settings] == [
        "recipe",
        "preprocess.transpose",
        "train.epochs",
        "train.model.filters",
    ]
    assert facts.settings[1].value == "false"
    assert run_facts(results, {}).changed == []


def test_hashes_come_before_what_the_registry_knows(results):
    facts = run_facts(results, {}, [("Git commit", "123")], left_out=["The gates: gone"])
    assert facts.lineage == [
        ("Model file, SHA-256", "of the model"),
        ("Test images and labels, SHA-256", "from the file"),
        ("Raw file t10k", "abc"),
        ("Git commit", "123"),
    ]
    assert facts.left_out == ["The gates: gone"]


def test_an_older_model_lacks_some_parts(results):
    older = replace(results, find=lambda path: None if path in LATER else results.find(path))
    facts = run_facts(older, {})
    assert facts.robustness == [] and len(facts.calibration) == 1


def test_the_validation_of_the_data_is_counted(results):
    vars(results)["validation"] = {"expectations": 38, "failed": 2, "test": {"leaks": 3}}
    facts = run_facts(results, {})
    assert facts.data[-2:] == [
        ("Expectations of the raw data", "36 of 38 hold"),
        ("Test images that are training images too", "3"),
    ]


def test_a_model_that_was_not_evaluated_is_refused(results):
    lacking = replace(results, find=lambda path: None)
    with pytest.raises(DigitsError, match=r"a model has no metrics\.json, it was never evaluated"):
        run_facts(lacking, {})


def test_a_model_stands_beside_the_champion():
    standing = Standing("the champion", [GOOD, BAD], compare([FIRST, WORSE]))
    assert standing.failed == ["b"]
    assert standing.verdict[0] == "worse than first" and "-2.00 points" in standing.verdict[1]
    names, groups = standing.table
    assert names == ["first", "worse"]
    assert dict(groups)["Parameters that differ"]["train.learning_rate"] == ["0.001", "0.1"]
    alone = Standing("no other model", [GOOD])
    assert alone.failed == [] and alone.verdict == ("", "") and alone.table == ([], [])

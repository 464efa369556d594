"""The files of reports/ as one object, read from a folder."""

import json
from pathlib import Path

import pandas as pd
import pytest
from support.reports import DATASET, REPORTS, TEST, TRAINING, write_reports

from digits import paths
from digits.errors import DigitsError
from digits.results import Results, working_copy


def in_working_copy(path):
    return path if path.is_file() else None


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A model with all files, in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_reports()
    return Results("here", in_working_copy)


def test_every_file_is_read_as_what_it_holds(results):
    assert results.training["epochs"] == 2 and results.dataset["class_names"] == ["cat", "dog"]
    assert results.history[["epoch", "accuracy"]].to_dict("list") == {"epoch": [1, 2], "accuracy": [0.5, 0.75]}
    assert results.metrics == TEST and results.class_names == ["cat", "dog"]
    assert results.predictions["probability"].tolist() == [0.875, 0.5]
    assert results.robustness["accuracy"].tolist() == [1.0, 0.5]
    assert results.evaluation["confidence"] == 0.95
    assert results.not_sure_below == results.calibration["not_sure_below"] == 0.75 and results.is_evaluated


def test_a_file_is_read_when_it_is_first_used_and_kept(results):
    paths.TRAINING.write_text(json.dumps({**TRAINING, "epochs": 3}))
    assert results.training["epochs"] == 3
    paths.TRAINING.unlink()
    assert results.training["epochs"] == 3


def test_each_file_is_asked_for_once(results):
    asked = []

    def find(path):
        asked.append(path)
        return in_working_copy(path)

    counted = Results("counted", find)
    for _ in range(3):
        assert counted.metrics == TEST and counted.class_names and counted.predictions is counted.predictions
    assert asked == [paths.METRICS, paths.CLASSES, paths.PREDICTIONS]


def test_the_run_names_the_test_images_where_there_is_one(results):
    assert results.test_sha256 == "from the file"
    assert Results("run", in_working_copy, tags={"test_sha256": "from the run"}).test_sha256 == "from the run"


@pytest.mark.parametrize(
    ("path", "name", "words"),
    [
        (paths.METRICS, "metrics", "was never evaluated"),
        (paths.PREDICTIONS, "predictions", "was never evaluated"),
        (paths.TRAINING, "training", "was not trained"),
        (paths.HISTORY, "history", "was not trained"),
    ],
)
def test_a_missing_file_says_what_the_model_lacks(results, path, name, words):
    path.unlink()
    with pytest.raises(DigitsError, match=f"^here has no {path.name}, it {words} to the end: run `dvc repro`$"):
        getattr(results, name)


def test_what_a_model_of_an_older_version_lacks_is_none(results):
    for path in (paths.ROBUSTNESS, paths.CALIBRATION, paths.METRICS):
        path.unlink()
    assert results.robustness is None and results.not_sure_below is None and not results.is_evaluated


def test_a_damaged_file_is_one_line(results):
    paths.HISTORY.write_text("")
    with pytest.raises(DigitsError, match=r"^reports/history.csv cannot be read \(.*\): `dvc repro` makes it anew$"):
        _ = results.history
    paths.METRICS.write_text("{")
    with pytest.raises(DigitsError, match=r"^reports/metrics.json cannot be read \(.*\): `dvc repro` makes it anew$"):
        _ = results.metrics


def test_scores_on_other_images_leave_the_first_as_they_were(results):
    before, other = results.metrics, pd.DataFrame({"image": [0, 1]})
    scored = results.scored_anew({"accuracy": 0.5}, other, "other images")
    assert (scored.metrics, scored.test_sha256) == ({"accuracy": 0.5}, "other images")
    assert scored.predictions is other and scored.history.equals(results.history) and scored.is_evaluated
    assert results.metrics is before and results.test_sha256 == "from the file"


def test_a_model_of_a_store_needs_no_working_copy(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "metrics.json").write_text(REPORTS[paths.METRICS])

    def find(path: Path):
        return folder / path.name if (folder / path.name).is_file() else None

    results = Results("a run", find, run_id="r1", labels={"run": "murky-axe"})
    assert results.metrics == TEST and results.is_evaluated and results.robustness is None


def test_the_working_copy_names_what_is_missing(results):
    assert working_copy().metrics == TEST
    paths.METRICS.unlink()
    with pytest.raises(DigitsError, match=r"reports/metrics.json is missing: run `dvc repro`"):
        _ = working_copy().metrics


def test_names_of_classes_come_from_beside_the_model_or_from_what_it_was_measured_or_trained_on(results):
    assert results.names_of(2) == ["cat", "dog"]
    paths.METRICS.unlink()
    paths.DATASET.write_text(json.dumps(DATASET | {"class_names": ["lion", "wolf"]}))
    assert Results("trained", in_working_copy).names_of(2) == ["lion", "wolf"]
    paths.CLASSES.parent.mkdir()
    paths.CLASSES.write_text(json.dumps(["tom", "rex"]))
    assert Results("taken away", in_working_copy).names_of(2) == ["tom", "rex"]
    paths.DATASET.unlink()
    paths.CLASSES.unlink()
    bare = Results("bare", in_working_copy)
    assert bare.class_names is None and bare.names_of(3) == ["0", "1", "2"]


def test_names_that_are_not_those_of_the_classes_are_refused(results):
    with pytest.raises(DigitsError, match="here tells 10 classes apart, but what it was evaluated on has 2 names"):
        results.names_of(10)
    paths.CLASSES.parent.mkdir()
    for text, words in (
        ('["one"]', "here tells 2 classes apart, but models/classes.json has 1 names"),
        ('{"0": "one"}', r"models/classes.json cannot be read \(.*\): write a list of names, one for label 0, 1, …"),
        ("[0, 1]", r"models/classes.json cannot be read \(.*\): write a list of names, one for label 0, 1, …"),
        ("[", r"models/classes.json cannot be read \(.*\): write a list of names, one for label 0, 1, …"),
    ):
        paths.CLASSES.write_text(text)
        with pytest.raises(DigitsError, match=words):
            Results("here", in_working_copy).names_of(2)

"""Runs found by model, name, DVC experiment and digests, in a real store."""

import json

import pytest
from support.params import changed_params, default_params
from support.reports import DATASET, REPORTS, TEST

from digits import paths
from digits.errors import DigitsError
from digits.params import flatten, parse_params
from digits.tracking import artifacts, find


@pytest.fixture
def add(client):
    """Adds a run; gives its id. Each starts a second after the one before."""
    experiment = client.get_experiment_by_name("digits").experiment_id
    starts = iter(range(1_000_000, 2_000_000, 1000))

    def add(name="a run", accuracy=None, params=None, **tags):
        run_id = client.create_run(experiment, next(starts), tags, run_name=name).info.run_id
        if accuracy is not None:
            client.log_metric(run_id, "test_accuracy", accuracy)
        for key, value in (params or {}).items():
            client.log_param(run_id, key, value)
        return run_id

    return add


def ids(runs):
    return [run.info.run_id for run in runs]


def test_a_model_belongs_to_the_run_that_made_it_first(client, add):
    first = add(model_sha256="a")
    again = add(model_sha256="a", reproduction_of=first)
    otherwise = add(model_sha256="a", same_model_as=first)
    add(model_sha256="b")
    assert find.find_run(client, "a").info.run_id == first
    assert ids(find.runs_of_model(client, "a")) == [first, otherwise]
    assert find.count_reproductions(client, "a") == 1 and find.count_reproductions(client, "b") == 0
    assert find.find_run(client, "c") is None and find.runs_of_model(client, "c") == []
    assert find.original(client, client.get_run(again)).info.run_id == first
    assert find.original(client, client.get_run(otherwise)).info.run_id == otherwise


def test_a_deleted_run_is_found_no_more(client, add):
    first, second = add(model_sha256="a"), add(model_sha256="a", same_model_as="x")
    client.delete_run(first)
    assert find.find_run(client, "a").info.run_id == second


@pytest.mark.parametrize("run_id", ["", "abc", "0" * 32, "it's", "%", "../x"])
def test_an_id_that_no_run_has_is_none(client, add, run_id):
    assert find.run_with_id(client, add()) is not None
    assert find.run_with_id(client, run_id) is None


@pytest.mark.parametrize("name", ["plain", "it's", 'say "hi"', "50 %", "a_b", "größer"])
def test_a_name_means_the_runs_that_are_called_exactly_so(client, add, name):
    for other in (f"{name}x", "axb"):
        add(other, dvc_experiment=other)
    wanted = add(name, dvc_experiment=f"exp {name}")
    assert ids(find.runs_named(client, name)) == [wanted]
    assert ids(find.runs_of_experiment(client, f"exp {name}")) == [wanted]
    assert find.runs_of_experiment(client, name) == []


def test_a_reproduction_is_found_by_name_as_its_original(client, add):
    first = add("slow", dvc_experiment="slow-1")
    add("again", dvc_experiment="again-1", reproduction_of=first)
    assert ids(find.runs_named(client, "again")) == ids(find.runs_of_experiment(client, "again-1")) == [first]


def test_the_digests_of_dvc_mean_one_run(client, add):
    first = add(model_md5="m", data_digest="d.dir")
    add(model_md5="m", data_digest="d.dir", reproduction_of=first)
    other = add(model_md5="m", data_digest="e.dir")
    assert find.run_of_outs(client, "m", "d.dir").info.run_id == first
    assert find.run_of_outs(client, "m", "e.dir").info.run_id == other
    assert find.run_of_outs(client, "n", "d.dir") is None


def test_the_newest_runs_come_first(client, add):
    first = add("one", accuracy=0.9)
    add("two")
    third = add("three", accuracy=0.0)
    add("four", accuracy=0.9, reproduction_of=first)
    assert ids(find.newest_evaluated(client, 5)) == [third, first]
    assert ids(find.newest_evaluated(client, 1)) == [third]
    assert find.newest_names(client, 3) == ["four", "three", "two"]


@pytest.fixture
def evaluations(folder, add):
    """Two evaluations of one model on the test images of this folder, and one elsewhere."""
    paths.DATASET.parent.mkdir(parents=True)
    paths.DATASET.write_text(json.dumps(DATASET | {"test_sha256": "here"}))
    decides = ("evaluate.", artifacts.CLASS_NAMES)
    flat = {key: str(value) for key, value in flatten(default_params()).items() if key.startswith(decides)}
    return [
        add(model_sha256="a", test_sha256="elsewhere", evaluation="x", params=flat),
        add(model_sha256="a", test_sha256="here", evaluation="y", params=flat),
        add(model_sha256="a", test_sha256="here", params=flat | {"evaluate.confidence": "0.5"}),
    ]


def test_a_run_is_that_of_the_files_on_disk(client, evaluations):
    runs, params = find.runs_of_model(client, "a"), default_params()
    elsewhere, here, _ = evaluations

    def on_disk(mark, params=params):
        found = find.run_on_disk(client, params, runs, mark)
        return found and found.info.run_id

    assert ids(find.evaluated_alike(runs, params)) == [here]
    # By the evaluation on disk, whatever params.yaml says now.
    assert on_disk("x") == elsewhere and on_disk("y") == here
    # An evaluation that no run has: `here` has another already.
    assert on_disk("new") is None
    # Nothing was evaluated yet.
    assert on_disk(None) == here
    half = parse_params(changed_params(evaluate__confidence=0.5))
    assert on_disk(None, half) == on_disk("new", half) == evaluations[2]
    tenth = parse_params(changed_params(evaluate__confidence=0.1))
    assert on_disk(None, tenth) == elsewhere and on_disk("new", tenth) is None
    assert find.run_on_disk(client, params, [], None) is None


def test_the_results_of_a_run_are_read_from_its_artifacts(client, add):
    params = {"train.epochs": "2", "epochs": "9"}
    run_id = add("slow epochs=2", params=params, model_sha256="a", dvc_experiment="slow", test_sha256="t")
    client.log_metric(run_id, "training_seconds", 12.5)
    client.log_text(run_id, REPORTS[paths.METRICS], "evaluation/metrics.json")
    client.log_text(run_id, '{"expectations": 38, "failed": 0}', "validation/validation.json")
    results = find.results_of(client.get_run(run_id))
    assert results.name == results.run_name == "slow epochs=2" and results.run_id == run_id
    assert results.labels == {"run": "slow epochs=2", "experiment": "slow"}
    # `mlflow run -P epochs=9` logs a parameter without section.
    assert results.params == {"train.epochs": "2"} and results.training_seconds == 12.5
    assert results.model_sha256 == "a" and results.test_sha256 == "t" and results.metrics == TEST
    assert results.validation == {"expectations": 38, "failed": 0} and results.find(paths.VALIDATION_FIGURE) is None
    assert results.robustness is None and find.results_of(client.get_run(run_id), "mine").name == "mine"
    with pytest.raises(DigitsError, match=r"^slow epochs=2 has no predictions.csv"):
        _ = results.predictions


def test_a_run_without_model_has_no_results(client, add):
    with pytest.raises(DigitsError, match=r"run a run \(\w+\) has no model: its training did not finish"):
        find.results_of(client.get_run(add()))

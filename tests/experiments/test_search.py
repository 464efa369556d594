"""A search: how it is planned, taken up again, and how the best are compared."""

import copy

import pytest
from support.params import raw_params

from digits.errors import DigitsError
from digits.experiments.search import folder_of, make_plan, read_plan, run_jobs, write_plan
from digits.experiments.space import Space
from digits.experiments.trial import Job
from digits.params import read_params

SPACE = Space({"train.learning_rate": {"low": 0.0005, "high": 0.02, "log": True}}, "space.yaml")


def test_a_plan_has_all_that_another_process_needs(folder):
    plan = make_plan(SPACE, raw_params(), 32, 0)
    assert (plan.trials, plan.epochs, plan.threads, plan.seed) == (32, 15, 2, 42)
    write_plan(plan, "rate")
    assert read_plan("rate") == plan
    with pytest.raises(DigitsError, match="`digits sweep --resume rate` goes on with it"):
        write_plan(plan, "rate")
    with pytest.raises(DigitsError, match="no sweep is called rat; there are: rate"):
        read_plan("rat")
    assert folder_of("rate").resolve().is_relative_to(folder)


@pytest.mark.parametrize("name", ["../rate", "it's", "", "-n", "a/b"])
def test_a_name_is_one_for_a_folder(name):
    with pytest.raises(DigitsError, match="letters, digits, dots, dashes and underscores are expected"):
        folder_of(name)


@pytest.mark.parametrize(("epochs", "longest"), [([3, 7], 7), ({"low": 2, "high": 9}, 9)])
def test_the_longest_training_bounds_the_halving(epochs, longest):
    assert make_plan(Space({"train.epochs": epochs}, "space.yaml"), raw_params(), 4, 0).epochs == longest


def test_an_ensemble_is_refused():
    params = copy.deepcopy(raw_params())
    params["train"]["members"] = 2
    with pytest.raises(DigitsError, match="a search trains single networks"):
        make_plan(SPACE, params, 4, 0)


@pytest.mark.slow
def test_jobs_become_the_trainings_of_a_comparison(store, tmp_path):
    params = read_params()
    jobs = [
        Job(
            str(tmp_path / f"{rate}-{seed}"),
            str(store.folder),
            params,
            [f"train.learning_rate={rate}", f"train.seed={seed}"],
        )
        for rate in (0.001, 0.005)
        for seed in (1, 2)
    ]
    trials = run_jobs(jobs, params, 1, "", 2)
    assert [trial.experiment for trial in trials] == ["0.001-1", "0.001-2", "0.005-1", "0.005-2"]
    assert (trials[0].changed, trials[2].changed) == ({"train.learning_rate": 0.001}, {})
    assert all(0.1 < trial.training["val_accuracy"] <= 1 for trial in trials)

"""How MLflow's interface shows the runs. What it shows is tested in a browser, in tests/cli/test_ui.py."""

import json

import pytest

from digits.tracking.interface import give_view, place_of_runs


@pytest.mark.slow
def test_the_view_is_given_once(store):
    experiment = store.client.get_experiment_by_name("digits")
    give_view(store.client, experiment)
    given = store.client.get_experiment_by_name("digits")
    assert "metrics.`test_accuracy`" in json.loads(given.tags["mlflow.sharedViewState.digits"])["selectedColumns"]

    class Unwritable:
        def set_experiment_tag(self, *_):
            pytest.fail("it was there")

    give_view(Unwritable(), given)


@pytest.mark.slow
def test_the_place_names_the_view_where_there_is_one(store):
    experiment = store.client.get_experiment_by_name("digits")
    place = place_of_runs(experiment, has_view=True)
    assert place.startswith(f"#/experiments/{experiment.experiment_id}/runs?")
    assert place.endswith("&viewStateShareKey=digits")
    assert "viewStateShareKey" not in place_of_runs(experiment, has_view=False)

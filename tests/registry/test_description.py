"""What MLflow's interface shows of a run and a version."""

import pytest

from digits.registry.description import NOTE, description
from digits.registry.register import register
from digits.registry.resolve import resolve, resolve_run

pytestmark = pytest.mark.slow


def test_a_version_says_how_good_it_is_what_was_changed_and_what_the_gates_said(store):
    model = resolve_run("1", store.registry)
    metrics, run = model.results.metrics, model.require_run().info
    text = store.registry.version("1").description
    assert text.startswith(f"**{100 * metrics['accuracy']:.2f} % of 400 test images right** (95% interval ")
    assert "train.epochs = 2" in text
    assert text.count("| pass |") == 6 and "fail" not in text
    assert f"(#/experiments/{run.experiment_id}/runs/{run.run_id})" in text


def test_it_links_to_the_page_that_the_run_has(store):
    model = resolve_run("1", store.registry)
    run = model.require_run()
    run.data.tags["plots"] = "0123.dir 4567"
    link = f"(#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts/report/index.html)"
    assert link in description(model) and link in description(model, of_run=True)
    run.data.tags["plots"] = "0123.dir"
    assert "/artifacts/" not in description(model)


def test_a_run_says_the_same_without_gates_and_link(store):
    model = resolve_run("2", store.registry)
    text = model.require_run().data.tags[NOTE]
    assert text == description(model, of_run=True)
    assert "train.epochs = 1" in text and "| Gate |" not in text and "Made by the run" not in text


def test_a_commit_that_is_not_here_is_no_obstacle(store, monkeypatch):
    model = resolve_run("1", store.registry)
    model.require_run().data.tags.pop("git_commit", None)
    assert "The commit with its parameters is not here." in description(model)


def test_the_experiment_and_the_registered_model_are_described(store):
    assert "digits compare" in store.client.get_experiment_by_name("digits").tags[NOTE]
    assert store.client.get_registered_model("digits").description
    assert register(store.registry, resolve("1", lambda: store.registry), store.limits).version == "1"

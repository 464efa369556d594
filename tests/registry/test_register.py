"""Registering, in a registry in which others delete things and processes die half-way."""

import pytest

from digits.files import read_json
from digits.registry.history import CHALLENGER, CHAMPION
from digits.registry.register import register
from digits.registry.resolve import model_of_run, resolve_run
from digits.tracking import artifacts

pytestmark = pytest.mark.slow


def model(store, run_id):
    return model_of_run(store.client.get_run(run_id), store.registry)


def test_a_registration_that_was_interrupted_is_completed(store):
    first, second = (store.registry.version(number) for number in "12")
    store.client.delete_registered_model("digits")
    assert store.registry.aliases() == {} and store.registry.history() == []
    store.registry.create()
    # Killed after it made the version, before it gave the alias.
    store.client.create_model_version("digits", first.source, first.run_id, tags=first.tags)
    outcome = register(store.registry, model(store, first.run_id), store.limits)
    assert str(outcome) == "registered as version 1, champion" and store.registry.aliases() == {CHAMPION: "1"}
    assert [gate.passed for gate in outcome.gates] == [True] * 6
    # Once more changes nothing.
    again = register(store.registry, model(store, first.run_id), store.limits)
    assert str(again) == "this model is version 1 already" and len(store.registry.history()) == 1
    # Killed after the alias was on record, before it was set: there must be a champion all the same.
    store.client.delete_registered_model_alias("digits", CHAMPION)
    again = register(store.registry, model(store, first.run_id), store.limits)
    assert str(again) == "registered as version 1, champion" and store.registry.aliases() == {CHAMPION: "1"}
    outcome = register(store.registry, model(store, second.run_id), store.limits, dry_run=True)
    assert outcome.version is None and len(store.registry.versions()) == 1
    outcome = register(store.registry, model(store, second.run_id), store.limits)
    assert outcome.version == "2" and store.registry.aliases() == {CHAMPION: "1", CHALLENGER: "2"}


def test_a_model_that_a_gate_refuses_is_no_version(store):
    store.client.delete_model_version("digits", "3")
    strict = store.limits.model_copy(update={"gates": store.limits.gates.model_copy(update={"min_macro_f1": 1.0})})
    run = store.client.search_runs(["1"], order_by=["attributes.start_time DESC"])[0]
    outcome = register(store.registry, model(store, run.info.run_id), strict)
    assert outcome.refused and str(outcome) == "not registered, the gates refuse: Macro F1"
    assert [str(version.version) for version in store.registry.versions()] == ["1", "2"]


def test_a_version_carries_its_metrics(store):
    version = store.registry.version("1")
    run = resolve_run("1", store.registry).require_run()
    test = read_json(artifacts.download(store.client, run.info.run_id, "evaluation/metrics.json"))["test"]
    for key in ("accuracy", "accuracy_low", "accuracy_high", "loss", "macro_f1", "calibration_error"):
        assert float(version.tags[f"test_{key}"]) == test[key]
    assert version.tags["model_sha256"] == run.data.tags["model_sha256"]

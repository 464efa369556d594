"""Rolling back, in a registry in which others move and delete things."""

import shutil

import pytest
from support.decisions import assert_refused

from digits.errors import DigitsError
from digits.registry.aliases import make_champion
from digits.registry.history import CHAMPION
from digits.registry.promote import assess
from digits.registry.resolve import resolve_run
from digits.registry.rollback import rollback

pytestmark = pytest.mark.slow


def test_a_rollback_passes_over_deleted_versions(store):
    make_champion(store.registry, "2", "1", "promote", "a test", [])
    make_champion(store.registry, "3", "2", "promote", "a test", [])
    store.client.delete_model_version("digits", "2")
    assert rollback(store.registry, None, "a test").after == "1"


def test_a_rollback_finds_a_champion_where_the_present_one_was_deleted(store, digits):
    make_champion(store.registry, "2", "1", "promote", "a test", [])
    # MLflow takes the alias away as well.
    store.client.delete_model_version("digits", "2")
    assert store.registry.aliases().get(CHAMPION) is None
    assert_refused(digits("lineage", "champion"), "digits has no champion")
    assert rollback(store.registry, None, "a test").after == "1"
    assert store.registry.aliases()[CHAMPION] == "1"
    last = [(change.before, change.after, change.action) for change in store.registry.history()[-2:]]
    assert last == [("2", None, "outside"), (None, "1", "rollback")]
    store.client.delete_model_version("digits", "1")
    with pytest.raises(DigitsError, match="no former champion that is still there"):
        rollback(store.registry, None, "a test")
    # The way out: what passes the absolute gates can be champion again.
    champion, gates = assess(store.registry, resolve_run("3", store.registry), store.limits, store.params.evaluate)
    assert champion is None and len(gates) == 6


def test_a_rollback_of_a_champion_set_in_mlflow_gives_the_one_before(store):
    make_champion(store.registry, "2", "1", "promote", "a test", [])
    store.client.set_registered_model_alias("digits", CHAMPION, "3")
    assert rollback(store.registry, None, "a test").after == "2"
    actions = [change.action for change in store.registry.history() if change.alias == CHAMPION]
    assert actions == ["register", "promote", "outside", "rollback"]


def test_a_rollback_does_not_go_round_the_gates(store):
    with pytest.raises(DigitsError, match="version 2 never was champion: `digits promote 2`"):
        rollback(store.registry, "2", "a test")


def test_a_rollback_to_a_model_whose_file_is_gone_is_refused(store):
    make_champion(store.registry, "2", "1", "promote", "a test", [])
    model_id = store.client.get_run(store.registry.version("1").run_id).data.tags["model_id"]
    shutil.rmtree(".digits/models")
    store.client.delete_logged_model(model_id)
    with pytest.raises(DigitsError, match="the model's file cannot be read"):
        rollback(store.registry, None, "a test")
    assert store.registry.aliases()[CHAMPION] == "2"

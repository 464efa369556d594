"""`digits promote`: what it says, its exit codes, and that a dry run changes nothing."""

import pytest
from support.decisions import assert_refused
from support.project import change

from digits.registry.history import CHALLENGER, CHAMPION
from digits.registry.versions import run_of


@pytest.mark.parametrize("reason", [[], ["--reason", ""], ["--reason", " \t"]])
def test_force_without_a_reason_is_wrong_usage(digits, reason):
    code, out, err = digits("promote", "2", "--force", *reason)
    assert code == 2 and out == "" and "--force needs --reason" in err


@pytest.mark.slow
def test_a_gate_that_fails_is_named_and_force_goes_past_it(store, digits):
    code, out, err = digits("promote", "2")
    assert code == 1 and err.startswith("digits: version 2 refused: Better accuracy on the same images, ")
    assert err.endswith("; champion stays 1\n") and "Version 2 against champion 1" in out and "FAIL" in out
    assert store.registry.aliases() == {CHAMPION: "1", CHALLENGER: "3"}
    code, out, err = digits("promote", "2", "--force", "--reason", "a drill")
    assert code == 0 and out.endswith("digits: version 2 is champion now, was 1\n")
    assert store.registry.aliases() == {CHAMPION: "2", CHALLENGER: "3"}
    last = store.registry.history()[-1]
    assert (last.action, last.why) == ("promote (forced)", "a drill")
    assert not all(gate["passed"] for gate in last.gates)
    assert_refused(digits("promote", "2"), "version 2 is champion already")


@pytest.mark.slow
def test_without_a_name_it_is_the_challenger(store, digits):
    assert digits("promote", "--force", "--reason", "a drill")[0] == 0
    assert store.registry.aliases() == {CHAMPION: "3"}
    assert_refused(digits("promote"), "digits has no challenger (aliases: champion)")


@pytest.mark.slow
def test_a_dry_run_tells_and_changes_nothing(store, digits):
    run = run_of(store.client, store.registry.version("3"))
    store.client.delete_model_version("digits", "3")
    aliases, records = store.registry.aliases(), len(store.registry.history())
    _, out, _ = digits("promote", run.info.run_id, "--dry-run")
    # All gates of registration hold: it is compared with the champion as a version would be.
    assert "against champion 1" in out and "Better accuracy on" in out and "dry run, nothing changed" in out
    code, out, _ = digits("promote", "2", "--dry-run")
    assert code == 1 and "digits: version 2 would be refused: Better accuracy on the same images" in out
    assert [str(version.version) for version in store.registry.versions()] == ["1", "2"]
    assert store.registry.aliases() == aliases and len(store.registry.history()) == records


@pytest.mark.slow
def test_a_model_that_may_not_be_registered_is_not_promoted_by_force(store, digits):
    run_id = store.registry.version("3").run_id
    store.client.delete_model_version("digits", "3")
    change(store.folder / "params.yaml", {"register.gates.min_macro_f1": 1.0})
    code, out, err = digits("promote", run_id, "--force", "--reason", "I insist")
    assert code == 1 and "Gates of registration" in out
    assert err == f"digits: {run_id} is not registered, the gates refuse: Macro F1\n"
    assert store.registry.aliases() == {CHAMPION: "1"}


@pytest.mark.slow
def test_a_reason_that_mlflow_would_cut_is_refused(store, digits):
    """Cut, the record would be no JSON any more, and the whole history unreadable."""
    assert_refused(digits("promote", "2", "--force", "--reason", "x" * 6000), "give a shorter --reason")
    assert digits("promote", "2", "--force", "--reason", "ü" * 2000 + '"\n\\')[0] == 0
    assert store.registry.history()[-1].why == "ü" * 2000 + '"\n\\'


@pytest.mark.slow
def test_where_there_is_no_champion_every_other_gate_decides(store, digits):
    store.client.delete_registered_model_alias("digits", CHAMPION)
    code, out, _ = digits("promote", "2")
    assert code == 0 and "against champion (none)" in out and out.endswith("digits: version 2 is champion now\n")
    assert [(c.before, c.after) for c in store.registry.history()][-2:] == [("1", None), (None, "2")]

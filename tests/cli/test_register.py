"""`digits register`: the model in models/ or a named one, its exit codes, and that a dry run changes nothing."""

import pytest
from support.decisions import assert_refused
from support.project import change
from support.stores import collect_garbage

from digits import paths
from digits.registry.history import CHALLENGER, CHAMPION

pytestmark = pytest.mark.slow


@pytest.fixture
def unregistered(store):
    """The model in models/ is version 3 no more. Gives its run's id."""
    run_id = store.registry.version("3").run_id
    store.client.delete_model_version("digits", "3")
    return run_id


def numbers(store):
    return [str(version.version) for version in store.registry.versions()]


def test_without_a_name_it_is_the_model_in_models(store, digits, unregistered, monkeypatch):
    # From within the project.
    monkeypatch.chdir(store.folder / "reports")
    code, out, err = digits("register")
    assert (code, err) == (0, "") and "Gates of registration" in out
    assert out.endswith("digits: registered as version 4, challenger\n")
    assert numbers(store) == ["1", "2", "4"] and store.registry.version("4").run_id == unregistered
    assert store.registry.aliases() == {CHAMPION: "1", CHALLENGER: "4"}
    code, out, _ = digits("register")
    assert code == 0 and out.endswith("digits: this model is version 4 already\n")


def test_a_dry_run_tells_and_changes_nothing(store, digits, unregistered):
    records = len(store.registry.history())
    for words in ([], [unregistered]):
        code, out, _ = digits("register", *words, "--dry-run")
        assert code == 0 and out.endswith("digits: not registered, but would be: dry run\n")
    assert numbers(store) == ["1", "2"] and len(store.registry.history()) == records


def test_a_dry_run_does_not_write_the_run_that_the_store_lacks(store, digits, unregistered):
    store.client.delete_run(unregistered)
    collect_garbage(store.folder / "mlflow.db", unregistered)
    assert_refused(digits("register", "--dry-run"), "the store has no run of models/model.keras: `digits sync`")
    assert digits("register")[0] == 0 and numbers(store) == ["1", "2", "4"]
    assert store.registry.version("4").run_id != unregistered


def test_a_gate_that_refuses_is_code_1(store, digits, unregistered):
    change(paths.PARAMS, {"register.gates.min_macro_f1": 1.0})
    code, out, err = digits("register")
    assert code == 1 and err == "" and "FAIL" in out
    assert out.endswith("digits: not registered, the gates refuse: Macro F1\n")
    assert numbers(store) == ["1", "2"]


def test_without_a_model_there_is_nothing_to_register(store, digits):
    paths.MODEL.unlink()
    assert_refused(digits("register"), "models/model.keras is missing: run `dvc repro`")
    assert_refused(digits("register", "models/model.keras"), "models/model.keras: no such file or folder")

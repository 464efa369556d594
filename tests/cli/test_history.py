"""`digits history` as a table and as JSON."""

import json
import shutil
from dataclasses import asdict

import pytest
from support.decisions import assert_refused

from digits.registry.aliases import make_champion

pytestmark = pytest.mark.slow


def test_it_lists_every_change(store, digits):
    make_champion(store.registry, "2", "1", "promote", "smaller [and] faster", [])
    code, out, _ = digits("history", "--json")
    assert code == 0 and json.loads(out) == [asdict(change) for change in store.registry.history()]
    assert [(change["alias"], change["after"]) for change in json.loads(out)][-1] == ("champion", "2")
    code, out, _ = digits("history")
    assert code == 0 and out.splitlines()[0].startswith("Aliases of digits, oldest change first")
    assert max(map(len, out.splitlines())) <= 80
    for seen in ("champion none → 1", "champion 1 → 2", "promote", "register, 6 of", "smaller [and]"):
        assert seen in out


def test_before_anything_is_registered_it_is_empty(store, digits):
    store.client.delete_registered_model("digits")
    assert digits("history", "--json") == (0, "[]\n", "")
    assert digits("history")[0] == 0


def test_a_named_store_needs_no_project(store, digits, tmp_path, monkeypatch):
    shutil.move(store.folder / "mlflow.db", tmp_path / "server.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'server.db'}")
    expected = len(store.registry.history())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, out, _ = digits("history", "--json")
    assert code == 0 and len(json.loads(out)) == expected == 3


def test_a_model_of_somebody_else_is_refused(store, digits):
    store.client.delete_registered_model("digits")
    store.client.create_registered_model("digits")
    assert_refused(digits("history"), "'digits' was not made by this project: set another register.model_name")

"""The names of the classes are part of a model: renaming makes another version, and other classes are other work."""

import json
import os
from pathlib import Path

import pytest
from support.decisions import assert_refused
from support.project import Project, change

from digits.files import read_json
from digits.registry.history import CHAMPION
from digits.registry.register import register
from digits.registry.resolve import resolve
from digits.registry.sync import record_model
from digits.registry.versions import run_of
from digits.tracking.find import runs_of_model

pytestmark = pytest.mark.slow

DIGITS = list("0123456789")
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
STAGES = """
import importlib
from digits.params import load_params
for stage in ("preprocess", "train", "evaluate"):
    importlib.import_module(f"stages.{stage}").main(load_params())
"""


def train_and_register(store, names, **values):
    """Stages preprocess, train and evaluate with other names of classes, in a process of their own, then a version."""
    from digits.params import load_params

    shares = [0.1] * 10 + [0.0] * (len(names) - 10)
    change(Path("params.yaml"), {"preprocess.class_names": names, "validate.class_shares": shares, **values})
    Project(Path()).run("python", "-c", STAGES, MLFLOW_TRACKING_URI=os.environ["MLFLOW_TRACKING_URI"])
    params = load_params()
    return str(register(store.registry, record_model(store.registry, params), params.register_))


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """A terminal in which a table needs one line a row."""
    monkeypatch.setenv("COLUMNS", "300")


@pytest.mark.long
def test_renamed_classes_are_a_version_of_their_own(store, digits, tmp_path):
    assert train_and_register(store, DIGITS) == "registered as version 4, challenger"
    before = store.registry.version("4")
    assert before.tags["preprocess.class_names"] == str(DIGITS)
    # Versions had no such tag at first. The run says the names as well.
    store.client.delete_model_version_tag("digits", "4", "preprocess.class_names")

    assert train_and_register(store, NAMES) == "registered as version 5, challenger"
    after = store.registry.version("5")
    assert after.tags["model_sha256"] == before.tags["model_sha256"]
    first, second = runs_of_model(store.client, after.tags["model_sha256"])
    assert (first.info.run_id, second.info.run_id) == (before.run_id, after.run_id)
    assert "test_f1/seven" in second.data.metrics and "test_f1/7" not in second.data.metrics
    # Each version has its own names wherever it goes.
    for number, names in (("4", DIGITS), ("5", NAMES)):
        folder = tmp_path / number
        assert digits("pull", "--version", number, "--to", str(folder))[0] == 0
        assert read_json(folder / "classes.json") == names
        assert resolve(number, lambda: store.registry).results.names_of(10) == names
        code, out, _ = digits("lineage", str(folder), "--json")
        assert code == 0 and json.loads(out)["run_id"] == store.registry.version(number).run_id
        # A pulled folder is the version that it was pulled from.
        assert digits("register", str(folder))[1].endswith(f"digits: this model is version {number} already\n")

    # The same numbers under other names: no machine can tell whether that is the same work.
    assert digits("promote", "4", "--force", "--reason", "a drill")[0] == 0
    reason = "the champion calls class 0 '0', this model 'zero'"
    code, out, err = digits("promote", "5", "--dry-run")
    assert code == 1 and reason in out and err == ""
    assert_refused(digits("promote", "5"), "version 5 refused: Compared with the champion; champion stays 4")
    assert digits("promote", "5", "--force", "--reason", "renamed")[0] == 0
    assert store.registry.aliases()[CHAMPION] == "5"
    change_ = next(change for change in reversed(store.registry.history()) if change.alias == CHAMPION)
    (gate,) = (gate for gate in change_.gates if not gate["passed"])
    assert (gate["name"], gate["observed"]) == ("Compared with the champion", reason)

    # Back to the names that it had: a reproduction of the run that had them.
    assert train_and_register(store, DIGITS) == "this model is version 4 already"
    assert len(runs_of_model(store.client, after.tags["model_sha256"])) == 2


@pytest.mark.long
def test_a_champion_with_another_number_of_classes_can_be_replaced_by_force_alone(store, digits):
    assert train_and_register(store, [*DIGITS, "none"], **{"train.epochs": 1}) == "registered as version 4, challenger"
    for new, old in (("4", "1"), ("1", "4")):
        ours, theirs = (11, 10) if new == "4" else (10, 11)
        assert_refused(digits("promote", new), "Compared with the champion", f"champion stays {old}")
        code, out, _ = digits("promote", new, "--force", "--reason", "a drill")
        assert code == 0 and f"the champion tells {theirs} classes apart, this model {ours}" in out
        assert store.registry.aliases()[CHAMPION] == new
    # The same test images, 3 of them with 10 names and 4 with 11.
    code, out, err = digits("compare", "3", "4", "--html", "page.html", "--json")
    assert code == 0 and len(json.loads(out)["models"]) == 2, err
    assert ">none</th>" in Path("page.html").read_text()
    # Of a class that no image has there is no metric.
    metrics = run_of(store.client, store.registry.version("4")).data.metrics
    assert "test_f1/7" in metrics and "test_f1/none" not in metrics
    assert read_json("reports/metrics.json")["test"]["per_class"]["none"]["support"] == 0

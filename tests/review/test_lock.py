"""How dvc.lock differs from the committed one: stale, or other bytes, and why."""

from pathlib import Path

import pytest
from support.params import default_params
from support.repository import commit

from digits.errors import DigitsError
from digits.registry.lineage import Lineage
from digits.review import lock
from digits.review.lock import StageChange, lock_changes, lock_state
from digits.tracking.logged_model import libraries_text
from digits.tracking.processor import Processor, processor

LOCK = """schema: '2.0'
stages:
  train:
    cmd: python -m stages train
    deps:
    - {{path: data/processed, md5: {data}}}
    - {{path: data/feedback, md5: f1}}
    - {{path: digits/model, md5: {code}}}
    params:
      params.yaml: {{train: {{epochs: {epochs}}}}}
    outs:
    - {{path: models/model.keras, md5: {model}}}
  preprocess:
    cmd: python -m stages preprocess
    outs:
    - {{path: data/processed, md5: {data}}}
  evaluate:
    cmd: python -m stages evaluate
    deps:
    - {{path: models/model.keras, md5: {model}}}
"""
NOW = {"data": "d1", "code": "c1", "epochs": 4, "model": "m1"}


@pytest.fixture
def state(repository):
    """`lock_state` after a change of the committed file."""
    Path("dvc.lock").write_text(LOCK.format(**NOW))
    commit("lock")

    def after(**changes):
        Path("dvc.lock").write_text(LOCK.format(**NOW | changes))
        return lock_state(None, default_params())

    return after


def test_the_same_lock_is_what_the_commit_makes(state):
    found = state()
    assert (found.is_stale, found.stages, found.sentence) == (False, [], "dvc.lock is what this commit makes")


def test_a_stale_lock_names_the_stages_and_what_changed_in_them(state):
    found = state(epochs=2, code="c2", model="m2")
    assert found.is_stale and found.stages == ["train", "evaluate"]
    assert found.sentence == (
        "dvc.lock is stale: train (digits/model, train.epochs), which changes evaluate: "
        "run `dvc repro` and commit dvc.lock"
    )


def test_a_project_without_a_lock_is_told_to_run(repository):
    Path("dvc.lock").unlink()
    with pytest.raises(DigitsError, match=r"there is no dvc\.lock: run `dvc repro`"):
        lock_state(None, default_params())


def test_stages_and_commands_that_come_and_go():
    one = {"a": {"cmd": "x"}, "b": {"cmd": "x"}}
    two = {"a": {"cmd": "y"}, "c": {"cmd": "x"}}
    assert lock_changes(one, two) == [
        StageChange("a", ["its command"], []),
        StageChange("c", ["it is new"], []),
        StageChange("b", ["it is gone"], []),
    ]
    assert lock_changes(one, one) == []


# --- Other bytes ------------------------------------------------------------------------------------------------------


def made_on(monkeypatch, there):
    """A store whose run says where the committed model was trained."""
    run = Lineage(*["x"] * 4, "c0ffee", ".", False, [], [], {}, None, None, None, {}, 0)
    values = vars(run) | {
        "cpu": "portable",
        "processor": there,
        "libraries": libraries_text(1),
    }
    monkeypatch.setattr(lock, "resolve_run", lambda name, registry: None)
    monkeypatch.setattr(lock, "lineage_of", lambda registry, model: Lineage(**values))


def test_another_processor_explains_other_bytes(state, monkeypatch):
    made_on(monkeypatch, Processor("another", "avx"))
    found = state(model="m2")
    assert not found.is_stale and found.stages == ["train", "evaluate"]
    assert "but train made other bytes here: it was trained on another with avx, this is " in found.sentence


def test_the_same_processor_does_not_explain_them(state, monkeypatch):
    made_on(monkeypatch, processor("portable"))
    found = state(model="m2")
    assert found.is_stale and "the run lacks a part of its source" in found.sentence


def test_without_a_run_nobody_knows_and_the_lock_is_not_blamed(state, monkeypatch):
    def unknown(name, registry):
        raise DigitsError("no run")

    monkeypatch.setattr(lock, "resolve_run", unknown)
    found = state(model="m2")
    assert not found.is_stale and "no run of this store says which processor" in found.sentence

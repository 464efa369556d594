"""`digits lineage` as text and as JSON, and what `--verify` refuses. That it rebuilds is in tests/journeys."""

import json

import pytest
from support.decisions import assert_refused

from digits.registry import rebuild
from digits.tracking import artifacts

pytestmark = pytest.mark.slow


def test_without_a_name_it_is_the_champions(store, digits):
    code, out, _ = digits("lineage", "--json")
    found = json.loads(out)
    assert code == 0 and found["versions"] == {"1": ["champion"]}
    assert found["run_id"] == store.registry.version("1").run_id
    code, text, _ = digits("lineage")
    assert code == 0 and text.startswith(f"model       SHA-256 {found['model_sha256']}\n")
    assert text.rstrip().endswith(found["rebuild"][-1])


def test_what_cannot_be_rebuilt_is_told_before_it_is_refused(store, digits):
    run_id = store.registry.version("2").run_id
    store.client.set_tag(run_id, artifacts.GIT_UNTRACKED, "stages/mine.py")
    code, out, err = digits("lineage", "2", "--verify", "--json")
    assert json.loads(out)["untracked_files"] == ["stages/mine.py"]
    assert_refused((code, out, err), "cannot be rebuilt", "stages/mine.py")
    assert "not possible: it was made from files that git did not track" in digits("lineage", "2")[1]


def test_other_bytes_on_another_processor_are_explained(store, digits, monkeypatch):
    """The training itself is spared: what came out of it has other bytes."""
    monkeypatch.setattr(rebuild, "rebuild", lambda client, lineage: "0" * 64)
    run_id = store.registry.version("1").run_id
    store.client.set_tag(run_id, artifacts.PROCESSOR, "AMD EPYC 9755")
    code, out, err = digits("lineage", "1", "--verify")
    assert "\nrecipe      seed, but for " in out and "\nprocessor   AMD EPYC 9755 with " in out
    words = ("the rebuilt model has other bytes (SHA-256 000000000000…, not ", "it was trained on AMD EPYC 9755 with ")
    assert_refused((code, out, err), *words)


def test_an_empty_name_is_refused(store, digits):
    assert_refused(digits("lineage", ""), "the name of a model is empty")

"""Completing the record of the model in models/ from the files."""

import shutil

import pytest
from support.stores import collect_garbage

from digits import paths
from digits.registry.resolve import resolve
from digits.registry.sync import Outcome, summary, sync
from digits.tracking import record

pytestmark = pytest.mark.slow


def test_results_of_another_model_are_not_taken_for_this_ones(store):
    """As after `dvc repro train` alone: the evaluation on disk is of the model before."""
    known = len(store.registry.versions())
    shutil.copy(resolve("models:/digits/1", lambda: store.registry).file(), paths.MODEL)
    run_id = store.registry.version("1").run_id
    store.client.delete_run(run_id)
    collect_garbage(store.folder / "mlflow.db", run_id)
    outcome = sync(store.registry, store.params)
    assert record.evaluation_mark() is None and outcome.version is None
    assert "test_accuracy" not in store.client.get_run(outcome.run_id).data.metrics
    assert len(store.registry.versions()) == known


def test_the_summary_says_what_is_next(store):
    champion, challenger = (Outcome("id", "name", "2", is_champion) for is_champion in (True, False))
    assert "digits pull " in summary(champion, store.params)
    text = summary(challenger, store.params)
    assert "digits pull " not in text
    assert "  is it better?        digits compare champion 2   and digits promote 2 --dry-run\n" in text
    assert "digits pull " in summary(Outcome("id", "name", None, False), store.params)

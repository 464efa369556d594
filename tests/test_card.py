"""The model card needs every fact, and names the weak classes."""

import jinja2
import pytest

from digits.card import model_card, weak_classes


def facts():
    names = ["T-shirt/top", "1"]
    per_class = {n: {"precision": 0.9, "recall": 0.8, "f1": f1, "support": 5} for n, f1 in zip(names, (0.7, 0.8))}  # noqa: B905
    return {
        "name": "digits", "version": "7", "run_id": "r1", "run_name": "a run",
        "metrics": {
            "n": 1234, "accuracy": 0.98765, "accuracy_low": 0.98, "accuracy_high": 0.99, "loss": 0.1, "macro_f1": 0.5,
            "calibration_error": 0.0123, "per_class": per_class,
        },
        "training": {"reason": "all 2 epochs done", "weights": 225034},
        "params": {"train.epochs": "2", "preprocess.split": "last", "preprocess.seed": "1", "epochs": "2"},
        "tags": {"model_sha256": "ab", "data_digest": "cd", "test_sha256": "ef"},
        "sizes": {"train": 42000, "validation": 18000, "test": 1234}, "side": 28,
        "class_names": names, "confidence": "95%",
        "data_name": "MNIST", "data_licence": "by its authors", "libraries": "keras 3",
    }  # fmt: skip


def test_a_missing_fact_is_no_blank():
    for key in ("model_sha256", "data_digest"):
        known = facts()
        del known["tags"][key]
        with pytest.raises(jinja2.UndefinedError, match=key):
            model_card(**known)


def test_lineage_says_what_is_known():
    known = facts()
    assert "| Git commit | `unknown` |" in model_card(**known) and "DVC experiment" not in model_card(**known)
    known["tags"] |= {
        "git_commit": "c0ffee",
        "git_dirty": "true",
        "git_changed": "params.yaml",
        "dvc_experiment": "ho-hum",
    }
    card = model_card(**known)
    assert "`c0ffee`, with uncommitted changes in params.yaml" in card
    assert "| DVC experiment | ho-hum |" in card


def test_weak_classes_are_the_lowest_first_and_ties_keep_their_order():
    per_class = {name: {"f1": f1} for name, f1 in (("a", 0.9), ("b", 0.5), ("c", 0.5), ("d", 0.4))}
    assert weak_classes(per_class) == ["d", "b"] and weak_classes(per_class, 3) == ["d", "b", "c"]

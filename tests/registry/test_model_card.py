"""The model card needs every fact."""

import jinja2
import pytest
from support.changes import table_of_heavy_above
from support.params import default_params

from digits.registry.model_card import model_card
from digits.registry.resolve import resolve_run
from digits.results import Results

TAGS = {"model_sha256": "ab", "data_digest": "cd", "test_sha256": "ef", "libraries": "keras 3"}


def card(robustness=None, **tags):
    """The card of a made-up model."""
    names = ["T-shirt/top", "1"]
    scores = {"precision": 0.9, "recall": 0.8, "support": 5}
    results = Results(
        "a run",
        lambda path: None,
        params={"train.epochs": "2", "preprocess.split": "last", "preprocess.seed": "1", "validate.side": "28"},
        tags=tags,
        run_id="r1",
        run_name="a run",
    )
    results.metrics = {
        "n": 1234, "accuracy": 0.98765, "accuracy_low": 0.98, "accuracy_high": 0.99, "loss": 0.1, "macro_f1": 0.5,
        "calibration_error": 0.0123,
        "per_class": {name: scores | {"f1": f1} for name, f1 in zip(names, (0.7, 0.8), strict=True)},
    }  # fmt: skip
    results.training = {"reason": "all 2 epochs done", "weights": 225034}
    results.dataset = {"train": 42000, "validation": 18000, "test": 1234, "class_names": names}
    results.evaluation = {"confidence": 0.95}
    results.robustness = robustness
    return model_card(results, "digits", "7", default_params().register_)


@pytest.mark.parametrize("key", ["model_sha256", "data_digest"])
def test_a_missing_fact_is_no_blank(key):
    with pytest.raises(jinja2.UndefinedError, match=key):
        card(**{name: value for name, value in TAGS.items() if name != key})


def test_lineage_says_what_is_known():
    assert "| Git commit | `unknown` |" in card(**TAGS) and "DVC experiment" not in card(**TAGS)
    known = {"git_commit": "c0ffee", "git_dirty": "true", "git_changed": "params.yaml", "dvc_experiment": "ho-hum"}
    text = card(**TAGS, **known)
    assert "`c0ffee`, with uncommitted changes in params.yaml" in text
    assert "| DVC experiment | ho-hum |" in text


def test_the_worst_changes_are_listed_or_that_nothing_is_known():
    known, unknown = card(robustness=table_of_heavy_above(), **TAGS), card(**TAGS)
    assert "| inversion | 1 | 40 | 0.0 % | 0.0 to 8.8 % |" in known
    assert "say nothing" not in known
    assert "They say nothing about pictures that were shifted, rotated or noisy." in unknown
    assert "robustness" not in unknown


@pytest.mark.slow
def test_the_card_tells_the_facts(store):
    model = resolve_run("1", store.registry)
    test = model.results.metrics
    text = model_card(model.results, "digits", "1", store.limits)
    assert text.startswith("# Model card: digits version 1\n") and f"**{100 * test['accuracy']:.2f} %**" in text
    for fact in (model.sha256, model.results.run_id, "CC BY-SA 3.0", "| `train.epochs` | 2 |"):
        assert fact in text
    weak = sorted(test["per_class"], key=lambda name: test["per_class"][name]["f1"])[:2]
    assert f"The lowest F1 have {weak[0]} and {weak[1]}." in text

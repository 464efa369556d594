"""The model card needs every fact."""

from itertools import pairwise

import jinja2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from support.changes import table_of_heavy_above
from support.params import default_params

from digits.registry.model_card import model_card
from digits.registry.resolve import resolve_run
from digits.results import Results

TAGS = {"model_sha256": "ab", "data_digest": "cd", "test_sha256": "ef", "libraries": "keras 3"}


def card(robustness=None, names=("T-shirt/top", "1"), support=5, **tags):
    """The card of a made-up model. The first class has `support` test images."""
    names = list(names)
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
        "per_class": {name: scores | {"f1": 0.7 + 0.1 * place} for place, name in enumerate(names)},
    }  # fmt: skip
    results.metrics["per_class"][names[0]]["support"] = support
    results.training = {"reason": "all 2 epochs done", "weights": 225034}
    results.dataset = {"train": 42000, "validation": 18000, "test": 1234, "class_names": names}
    results.evaluation = {"confidence": 0.95}
    results.robustness = robustness
    return model_card(results, "digits", "7", default_params().register_, 3)


@pytest.mark.parametrize("key", ["model_sha256", "data_digest"])
def test_a_missing_fact_is_no_blank(key):
    with pytest.raises(jinja2.UndefinedError, match=key):
        card(**{name: value for name, value in TAGS.items() if name != key})


def test_the_way_without_keras_is_shown_where_there_is_a_twin():
    assert "model.tflite" not in card(**TAGS) and "How to use it" not in card(**TAGS)
    text = card(**TAGS, twin_sha256="7w")
    assert "## How to use it\n\nIn this folder" in text and "uint8 (n, 28, 28)," in text and "(n, 2).\n" in text
    assert "| `model.tflite` (SHA-256) | `7w` |\n| MLflow run |" in text


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


# What the template itself uses. A name that made a link or italics would add another one.
INLINE = {"text", "text_special", "softbreak", "code_inline", "strong_open", "strong_close", "image"}


def shown(text):
    """The tables of a card, cell by cell as a reader sees them, and all text outside of code."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    rows, words = [], []
    for before, token in pairwise(tokens):
        if before.type == "tr_open":
            rows.append([])
        if token.type == "inline":
            words.append("".join(child.content for child in token.children if child.type != "softbreak"))
            assert not {child.type for child in token.children} - INLINE
            if before.type in ("td_open", "th_open"):
                rows[-1].append(words[-1])
    return rows, words


SIGNS = "|*_`<>[]()&~$#!\\\"'{}%+-=/;: aé一"


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.lists(
        st.text(st.sampled_from(SIGNS), min_size=1, max_size=8).map(lambda text: f"x{text}x"),
        min_size=2,
        max_size=5,
        unique=True,
    )
)
@example(["a|b", "<b>bold</b>", "[link](https://example.org)", "*a*", "`code`", "&amp;", "a\\|b", "$x$", "~~gone~~"])
@example(["{{ 7 * 7 }}", "{% raw %}", "**", "__init__"])
@example(["two\nlines", "three\r\n| cells |"])
def test_any_name_is_shown_as_it_is(names):
    rows, words = shown(card(names=names, **TAGS))
    as_read = [" ".join(name.split()) for name in names]
    header = rows.index(["Class", "Precision", "Recall", "F1", "Images"])
    assert [row[0] for row in rows[header + 1 : header + 1 + len(names)]] == as_read
    assert [len(row) for row in rows[header : header + 1 + len(names)]] == [5] * (len(names) + 1)
    assert any(f"{len(names)} classes: {', '.join(as_read)}." in text for text in words)


def test_a_class_without_test_images_is_named_and_has_no_figures():
    known, absent = card(**TAGS), card(support=0, names=("N/A", "1", "2"), **TAGS)
    assert "No test image" not in known and "| 1 | 0.9000 | 0.8000 | 0.8000 | 5 |\n\n**Calibration.**" in known
    assert "| N/A | – | – | – | 0 |" in absent
    assert (
        "\n\nNo test image is of N/A: nothing is known of this class, and macro F1 is the mean of the others.\n\n"
        in absent
    )
    assert "The lowest F1 have 1 and 2." in absent
    assert "The lowest F1 has 1." in card(support=0, **TAGS)


@pytest.mark.slow
def test_the_card_tells_the_facts(store):
    model = resolve_run("1", store.registry)
    test = model.results.metrics
    text = model_card(model.results, "digits", "1", store.limits, 0)
    assert text.startswith("# Model card: digits version 1\n") and f"**{100 * test['accuracy']:.2f} %**" in text
    for fact in (model.sha256, model.results.run_id, "CC BY-SA 3.0", "| `train.epochs` | 2 |"):
        assert fact in text
    weak = sorted(test["per_class"], key=lambda name: test["per_class"][name]["f1"])[:2]
    assert f"The lowest F1 have {weak[0]} and {weak[1]}." in text

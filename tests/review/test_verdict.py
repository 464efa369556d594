"""The comment: nothing that a pull request brings means anything in it, and it is not too long."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from digits.evaluation.paired import PairedComparison
from digits.registry.gates import Gate
from digits.review.evidence import Gates, OnValidation
from digits.review.lock import LockState
from digits.review.verdict import MARKER, DataChange, Verdict, markdown

PAIRED = PairedComparison(300, 10, 26, -16 / 300, -0.0951, -0.0149, 0.0113, 0.0113, 0.05)
SAME = OnValidation(300, 0.9067, 0.8684, 0.9346, 0.95, None, "it is the same model file")
GOOD = Gate("Macro F1", "0.9074", "at least 0.7500", True, 0.9074, 0.75)
BAD = Gate("Recall of each class", "class 3 falls by 45.00 points", "no class falls", False, 0.45, 0.02)
CURRENT = LockState("dvc.lock is what this commit makes", False, [])
FOUND = Verdict(
    "main",
    [("train.epochs", "4", "2")],
    DataChange("main → the working tree: 1 relabelled", ("class", "before"), (("test", [["7", "40"]]),), ("a note",)),
    (38, 0),
    CURRENT,
    OnValidation(300, 0.8533, 0.8088, 0.8889, 0.95, PAIRED),
    Gates("champion version 1", [GOOD, BAD]),
    [],
)
HOSTILE = "|a| <script>x</script> ![i](http://e.org/x.png) [l](http://e.org) `c` *b* @everyone\n# h $x$ --> &lt;"


def parsed(verdict):
    """The kinds of the blocks of a comment, and the inline ones with all HTML, but for text."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown(verdict))
    inline = [one for token in tokens for one in token.children or [] if not one.type.startswith("text")]
    return [token.type for token in tokens], [(one.type, one.content) for one in inline]


def with_text(text):
    """A comment with a text wherever one of a pull request can stand."""
    return replace(
        FOUND,
        base=text,
        params=[(text, text, text)],
        data=DataChange(text, ("class", "before"), ((text, [[text, text]]),), (text,)),
        lock=LockState(text, False, []),
        validation=replace(SAME, why_not=text),
        gates=Gates(text, [replace(BAD, name=text, observed=text, required=text)]),
        left_out=[text],
    )


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip))
@example(HOSTILE)
def test_texts_of_a_pull_request_mean_nothing(text):
    shape, plain = parsed(with_text("x"))
    found, inline = parsed(with_text(text))
    # A cell more, or a row less, would show that a text broke out of its cell.
    assert found == shape and inline == plain
    assert "@e" not in markdown(with_text(HOSTILE)) and "http:/" not in markdown(with_text(HOSTILE))


def test_the_marker_comes_first_and_the_headline_says_the_worst():
    text = markdown(FOUND)
    assert text.startswith(f"{MARKER}\n## digits: would be refused\n")
    assert (
        "| Against the base | **worse**: -5.33 points (95 % interval -9.51 to -1.49), 10 images won, 26 lost |" in text
    )
    assert "**refused by Recall of each class**" in text and "| **FAIL** |" in text
    assert "| <code>train.epochs</code> | <code>4</code> | <code>2</code> |" in text
    assert replace(FOUND, gates=Gates("x", [GOOD])).headline == "would be promoted"
    assert replace(FOUND, validation=SAME).headline == "the model is unchanged"
    assert replace(FOUND, gates=None).headline == "no verdict on the model"
    assert replace(FOUND, lock=LockState("dvc.lock is stale", True, ["train"])).headline == "dvc.lock is stale"


def test_what_is_next_fits_what_was_found():
    def after(**changes):
        return markdown(replace(FOUND, **changes)).partition("### What is next\n\n")[2]

    assert after(lock=LockState("dvc.lock is stale", True, ["train"])).startswith("- `dvc repro`, then commit dvc.lock")
    assert after(validation=SAME).startswith("- Nothing to promote")
    assert "stays a challenger" in after()
    assert after(gates=Gates("x", [GOOD])).startswith("- After the merge, approve the promotion")
    left = after(gates=None, data=None, checks=None, lock=None, validation=None, params=[], left_out=["The data: gone"])
    assert left == "- Left out. The data: gone\n"


def test_it_is_never_longer_than_a_comment_may_be():
    rows = [["x" * 500] * 7] * 500
    many = replace(
        FOUND,
        params=[(f"k{number}", "x" * 500, "y") for number in range(500)],
        data=DataChange("x" * 5000, ("c",) * 7, (("train", rows), ("test", rows))),
    )
    text = markdown(many)
    assert len(text) < 65_536 and "and 450 more" in text and "too long for a comment" in text

"""The report of a model by its name, beside the champion, as a page and as Markdown."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from support.run_report import BAD, FACTS

from digits.errors import DigitsError
from digits.params import load_params
from digits.registry.looks import looks_of
from digits.registry.versions import Registry
from digits.report.run_facts import Setting, Standing
from digits.results import Results
from digits.review.report import Report, html, markdown, model_of_name, report_of

HOSTILE = "|a| <script>x</script> ![i](http://e.org/x.png) [l](http://e.org) `c` *b* @everyone\n# h $x$ --> &lt;"


def shown(facts):
    return markdown(Report(Results("a model", lambda path: None), facts))


def with_text(text):
    """A report with a text wherever a name of somebody's can stand."""
    return replace(
        FACTS,
        name=text,
        data=[("Classes", text)],
        weakest=[text],
        settings=[Setting(text, text, text)],
        lineage=[(text, text)],
        standing=Standing(text, [replace(BAD, name=text, observed=text, required=text)]),
        left_out=[text],
    )


def parsed(facts):
    """The kinds of the blocks, and the inline ones with all HTML, but for text."""
    tokens = MarkdownIt("commonmark").enable("table").parse(shown(facts))
    inline = [one for token in tokens for one in token.children or [] if not one.type.startswith("text")]
    return [token.type for token in tokens], [(one.type, one.content) for one in inline]


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip))
@example(HOSTILE)
def test_names_mean_nothing_in_it(text):
    assert parsed(with_text(text)) == parsed(with_text("x"))
    assert "@e" not in shown(with_text(HOSTILE)) and "http:/" not in shown(with_text(HOSTILE))


def test_markdown_says_what_the_page_says():
    text = shown(FACTS)
    assert text.startswith("## digits: digits version 2: 99.07 % of the test images right\n")
    assert "**better than first**: +2.00 points" in text and "**refused by Size \\<**" in text
    assert "| <code>train.epochs</code> | <code>2</code> | <code>15</code> |" in text and "train.seed" not in text
    assert "| unchanged | 100.0 % | 34.0 to 100.0 % | 2 |" in text and "\nLeft out. The lineage: gone\n" in text
    plain = shown(replace(FACTS, settings=[], standing=None, robustness=[]))
    assert "None differs from the defaults" in plain and "### Gates" not in plain
    many = [Setting(f"k{number}", "1", "2") for number in range(70)]
    assert "| and 20 more | | |" in shown(replace(FACTS, settings=many))


@pytest.mark.slow
def test_a_model_is_measured_against_the_champion(store):
    registry, params = Registry(store.client, "digits"), load_params()
    champion = report_of(model_of_name("champion", registry), registry, params)
    assert champion.facts.name == "digits version 1" and champion.facts.left_out == []
    assert champion.facts.standing.comparison is None and len(champion.facts.standing.gates) == 6

    model = model_of_name("2", registry)
    report = report_of(model, registry, params)
    standing = report.facts.standing
    assert standing.against == "the champion, version 1" and standing.verdict[0].startswith("worse than champion")
    assert "Better accuracy on the same images" in standing.failed and len(standing.gates) == 11
    lineage = dict(report.facts.lineage)
    assert lineage["Version"] == "2" and lineage["Model file, SHA-256"] == model.sha256
    assert len(looks_of(registry)) >= 1
    page = html(report, model, registry, params)
    assert "worse than champion, version 1" in page and "Difference in accuracy to the champion" in page
    assert "worse than champion, version 1" in markdown(report)

    # What is gone is left out, with the reason.
    left = report_of(replace(model, file=_gone), registry, params).facts
    assert left.standing is None and left.left_out == ["The gates: it is gone"]


def _gone():
    raise DigitsError("it is gone")

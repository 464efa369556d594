"""The Data Docs: what the pages load, where they link to, and what a browser shows of them."""

from html.parser import HTMLParser

import pytest

from digits.validation.data_docs import make_offline


@pytest.fixture(scope="module")
def docs_passed(passed):
    _, checks, docs = passed
    make_offline(docs, checks)
    return docs


@pytest.fixture(scope="module")
def docs_failed(failed):
    _, checks, docs = failed
    make_offline(docs, checks)
    return docs


class Page(HTMLParser):
    """What a page loads, where it links to, and its text."""

    def __init__(self, path):
        super().__init__()
        self.loads, self.links, self.text = [], [], ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("script", "link", "img", "iframe", "object", "embed", "video") or "src" in given:
            self.loads.append((tag, given))
        if tag == "a":
            self.links.append(given.get("href", ""))

    def handle_data(self, text):
        self.text += text


@pytest.mark.slow
@pytest.mark.parametrize("outcome", ["docs_passed", "docs_failed"])
def test_data_docs_load_nothing_and_link_only_to_each_other(outcome, request):
    docs = request.getfixturevalue(outcome)
    pages = sorted(docs.rglob("*.html"))
    # The index, and for each of the five tables its suite and its results.
    assert len(pages) == 11
    for path in pages:
        page = Page(path)
        assert page.loads == []
        assert "url(" not in page.text and "@import" not in page.text and "$(" not in page.text
        assert ".fa-check-circle::before" in page.text
        for link in page.links:
            assert link.startswith("#") or (path.parent / link).is_file(), link
    assert [p for p in docs.rglob("*") if p.is_file() and p.suffix != ".html"] == []


def test_the_index_states_the_outcome_and_lists_every_check(docs_passed, docs_failed):
    good, bad = ((docs / "index.html").read_text() for docs in (docs_passed, docs_failed))
    assert "all 38 expectations hold" in good and good.count('<tr class="passed">') == 38
    assert "6 of 38 expectations failed" in bad
    assert bad.count('<tr class="failed">') == 6 and bad.count('<tr class="passed">') == 32
    assert "row 7, 9" in bad


@pytest.mark.slow
def test_data_docs_in_a_browser_without_network(docs_failed, browser):
    requests, complaints = [], []
    page = browser.new_page()
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((docs_failed / "index.html").as_uri())
    assert page.get_by_text("6 of 38 expectations failed").is_visible()
    page.get_by_role("link", name="results").nth(1).click()
    assert page.get_by_text("2 unexpected values found").first.is_visible()
    passed_row = page.get_by_text("Must have exactly")
    assert passed_row.is_visible()
    page.get_by_label("Failed Only").check()
    assert not passed_row.is_visible()
    assert page.get_by_text("2 unexpected values found").first.is_visible()
    fold = page.get_by_text("Great Expectations Version")
    assert not fold.is_visible()
    page.get_by_text("Show more info").click()
    assert fold.is_visible()
    page.close()
    assert requests
    assert all(url.startswith("file:") for url in requests)
    assert complaints == []

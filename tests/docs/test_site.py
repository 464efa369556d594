"""The site: links and pictures lead somewhere, nothing is loaded from elsewhere, the search works from the disk."""

import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import expect
from support.long import long_after
from support.project import ROOT, make_project


class Links(HTMLParser):
    """What a page links to, what it loads, and its anchors."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.anchors.add(found["id"])
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag == "link" and found.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(found["href"])
        if tag in ("script", "img", "iframe", "source") and found.get("src"):
            self.loads.append(found["src"])


def test_every_page_is_in_the_menu():
    config = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    docs = ROOT / "docs"
    pages = {file.relative_to(docs).as_posix() for file in docs.rglob("*.md")}
    pages |= {f"notebooks/{file.stem}.md" for file in (ROOT / "notebooks").glob("*.ipynb")}
    assert set(named(config["project"]["nav"])) == pages | {"index.md", "changelog.md", "contributing.md"}


def named(menu: list[dict[str, Any]]) -> Iterator[str]:
    """The pages of a menu and of those below it."""
    for entry in menu:
        for page in entry.values():
            yield from [page] if isinstance(page, str) else named(page)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site of a project without data: its notebooks stay without outputs."""
    project = make_project(tmp_path_factory.mktemp("site"))
    project.run("python", "docs/build_site.py")
    return project.folder / "site"


@pytest.fixture(scope="module")
def pages(site):
    return {page: Links(page) for page in site.rglob("*.html") if page.name != "404.html"}


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(pages):
    found = {(page.name, load) for page, links in pages.items() for load in links.loads if urlsplit(load).netloc}
    assert found == set()


@pytest.mark.slow
def test_every_link_leads_somewhere(site, pages):
    broken = []
    for page, links in pages.items():
        for link in [*links.links, *links.loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or (
                target in pages and parts.fragment and parts.fragment not in pages[target].anchors
            ):
                broken.append((page.relative_to(site).as_posix(), link))
    assert broken == []


@pytest.mark.slow
def test_the_pages_of_the_menu_are_there(site):
    config = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    pages = [Path(page).with_suffix(".html") for page in named(config["project"]["nav"])]
    assert [page for page in pages if not (site / page).is_file()] == []


@pytest.mark.slow
def test_the_search_works_from_the_disk(site, browser):
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    failed = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type("rollback")
    expect(page.get_by_text("And back").first).to_be_visible(timeout=20_000)
    page.close()
    assert failed == []


@pytest.mark.slow
@pytest.mark.parametrize("width", long_after(1, [390, 1200]))
def test_no_page_is_wider_than_the_screen(site, pages, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    too_wide = []
    # Code is as wide as it is, in a box that scrolls.
    for path in (path for path in pages if "source" not in path.relative_to(site).parts):
        page.goto(path.as_uri())
        if page.evaluate("document.documentElement.scrollWidth") > width:
            too_wide.append(path.relative_to(site).as_posix())
    page.close()
    assert too_wide == []

"""The pictures of pages in docs/images, from the running product: `make screenshots`, after `make repro`.

The report is that of the last run, the drawing page reads a drawn 7, and MLflow's interface shows this project's runs.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from playwright.sync_api import Browser, Page, expect, sync_playwright

from digits import paths

FOLDER = Path(__file__).parent / "images"
_SECONDS = 120
# As shares of the sheet's side.
_SEVEN = ((0.28, 0.22), (0.7, 0.22), (0.45, 0.82))


def report(browser: Browser, folder: Path) -> None:
    """The training and the classes on the page of the last run."""
    page = browser.new_page(viewport={"width": 1180, "height": 1420})
    page.goto(paths.REPORT.absolute().as_uri())
    page.get_by_role("heading", name="Training", exact=True).evaluate("heading => heading.scrollIntoView()")
    page.screenshot(path=folder / "report.png")


def draw(browser: Browser, folder: Path) -> None:
    """The drawing page, with a 7 that the model has read."""
    with _served("draw", "--no-browser", "--port", "0") as address:
        page = browser.new_page(viewport={"width": 1000, "height": 640})
        page.goto(address)
        box = page.locator("#sheet").bounding_box()
        assert box is not None, "the drawing page has no sheet"
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in _SEVEN]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=10)
        page.mouse.up()
        expect(page.locator("#result:not([aria-busy]) #answer")).to_have_text(re.compile("7"), timeout=1000 * _SECONDS)
        page.screenshot(path=folder / "draw.png")


def ui(browser: Browser, folder: Path) -> None:
    """MLflow's list of runs, as `digits ui` opens it, and the newest run that made a model."""
    with _served("ui", "--port", "5097") as address:
        page = browser.new_page(viewport={"width": 1500, "height": 620})
        page.goto(address)
        expect(page.locator('.ag-header-cell[col-id="metrics.`test_accuracy`"]')).to_be_visible(timeout=1000 * _SECONDS)
        _close_what_covers(page)
        page.screenshot(path=folder / "runs.png")


def _close_what_covers(page: Page) -> None:
    """Close MLflow's notices and its assistant, which a person closes once."""
    for name in ("Close", "close"):
        for button in page.get_by_role("button", name=name, exact=True).all():
            if button.is_visible():
                button.click()
    page.wait_for_timeout(1000)


@contextmanager
def _served(*command: str) -> Iterator[str]:
    """The address that a server of ours prints. The server is stopped at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "digits.cli", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        yield _address(process.stdout)
    finally:
        process.terminate()
        process.wait()


def _address(said: IO[str]) -> str:
    for line in said:
        if found := re.search(r"http://\S+", line):
            return found[0]
    raise SystemExit("the server ended without an address")


PICTURES = {make.__name__: make for make in (report, draw, ui)}


def main(arguments: Sequence[str]) -> None:
    """Take the pictures that are named, or all."""
    parser = argparse.ArgumentParser(prog="screenshots", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("pictures", nargs="*", choices=[*PICTURES, []], help="default: all")
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder; default: docs/images")
    chosen = parser.parse_args(arguments)
    chosen.to.mkdir(parents=True, exist_ok=True)
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    # Root, as in a container, has no sandbox.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        for name in chosen.pictures or PICTURES:
            PICTURES[name](browser, chosen.to)
            print(f"screenshots: {chosen.to / name}")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])

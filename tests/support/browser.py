"""A real browser for the tests of pages."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

# Strokes on the drawing page's sheet, as shares of its side.
SEVEN = [(0.28, 0.22), (0.7, 0.22), (0.45, 0.82)]
ONE = [(0.52, 0.18), (0.48, 0.82)]


@contextmanager
def headless_chromium() -> Iterator[object]:
    """Chromium without a window: $CHROMIUM, the one on PATH, or the one that Playwright installed."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        path = path or playwright.chromium.executable_path
        if not Path(path).exists():
            pytest.skip(
                "no Chromium to draw in: install it (Debian: apt-get install chromium; elsewhere: "
                "python -m playwright install chromium) or name it in CHROMIUM"
            )
        # Root, as in a container, has no sandbox.
        arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """A place of the sheet on the screen."""
    box = page.locator("#sheet").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def draw_stroke(page: Page, points: list[tuple[float, float]]) -> None:
    """Draw with the mouse."""
    page.mouse.move(*place(page, *points[0]))
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(*place(page, x, y), steps=10)
    page.mouse.up()


def wait_for(page: Page, answer: str, state: str = "sure|unsure") -> None:
    """Wait until the page shows an answer."""
    # The result is busy until the answer to the latest state is there.
    result = page.locator("#result:not([aria-busy])")
    expect(result).to_have_attribute("data-state", re.compile(f"^({state})$"), timeout=20_000)
    expect(result.locator("#answer")).to_have_text(re.compile(rf"^{answer}\??$"), timeout=20_000)

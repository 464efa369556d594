"""The drawing page in a real headless Chromium, on a real server."""

import base64
import io
import re
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests
from PIL import Image
from playwright.sync_api import expect
from support.browser import ONE, SEVEN, draw_stroke, place, wait_for
from support.clothes import CLOTHES

pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}


@pytest.fixture(scope="module")
def server(start, small_model):
    return start("draw", "--model", str(small_model), "--no-browser")


@pytest.fixture
def open_page(browser, server):
    """A function that opens the page. At the end, no request may have left this machine, and no script have failed."""
    contexts, hosts, problems = [], set(), []

    def open_(**options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: "Content Security" in message.text and problems.append(message.text))
        page.goto(server.url)
        # Unlike wait_for_function, this evaluates no string, which the page's policy forbids.
        expect(page.locator("#reader")).to_have_text("model.keras")
        return page

    yield open_
    for context in contexts:
        context.close()
    # None stands for the page's own data: and blob: addresses.
    assert hosts <= {"127.0.0.1", None}
    assert not problems


@pytest.fixture
def page(open_page):
    return open_page()


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_seven_and_a_one_drawn_with_the_mouse(page):
    draw_stroke(page, SEVEN)
    wait_for(page, "7")
    assert page.locator("tr.best th").inner_text() == "7"
    best = page.locator("tr.best td").last.inner_text()
    assert float(best.strip("<> %")) > 50
    seen = page.evaluate("[...document.getElementById('seen').getContext('2d').getImageData(0, 0, 28, 28).data]")
    ink = np.array(seen).reshape(28, 28, 4)[..., 0]
    # The form of MNIST: light on dark, in a box of 20 pixels.
    assert ink.max() == 255
    assert np.ptp(np.flatnonzero(ink.any(axis=1))) + 1 == 20
    page.get_by_role("button", name="Clear").click()
    wait_for(page, "", "empty")
    draw_stroke(page, ONE)
    wait_for(page, "1")


def test_undo_takes_back_strokes_and_clearing(page):
    draw_stroke(page, SEVEN)
    wait_for(page, "7")
    page.keyboard.press("Backspace")
    wait_for(page, "", "empty")
    page.keyboard.press("Control+z")
    wait_for(page, "7")
    page.get_by_role("button", name="Undo").click()
    wait_for(page, "", "empty")
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_keyboard_alone(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "sheet"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Space")
    for _ in range(14):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    wait_for(page, "1")
    assert page.locator("#pen").inner_text() == "Pen up"
    page.keyboard.press("Escape")
    wait_for(page, "", "empty")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Picture…"


def test_dropped_picture_takes_the_same_way(page, mnist_sample):
    row = int(np.flatnonzero(mnist_sample.y_test == 7)[0])
    large = np.kron(255 - mnist_sample.x_test[row], np.ones((8, 8), np.uint8))
    page.evaluate(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "seven.png", {type: "image/png"}));
            document.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
        }""",
        list(png(large)),
    )
    wait_for(page, "7")


def test_several_digits_are_read_in_order_and_can_be_chosen(page):
    for points in (SEVEN, ONE):
        shift = 0 if points is SEVEN else 0.45
        draw_stroke(page, [(0.05 + 0.5 * x + shift, 0.2 + 0.6 * y) for x, y in points])
    wait_for(page, "71")
    page.locator("#found button").nth(1).click()
    assert page.locator("tr.best th").inner_text() == "1"
    assert page.locator("#found button").nth(1).get_attribute("aria-pressed") == "true"


def test_empty_paper_and_broken_files_are_told_apart(page):
    blank = {"name": "blank.png", "mimeType": "image/png", "buffer": png(np.full((100, 100), 250, np.uint8))}
    page.set_input_files("#file", blank)
    wait_for(page, "", "none")
    assert page.locator("#words").inner_text() == "No digit found."
    page.set_input_files("#file", {"name": "notes.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 ..."})
    wait_for(page, "", "error")
    assert page.locator("#words").inner_text().startswith("The file: not a picture")


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [("light", 360, 740), ("dark", 360, 740), ("light", 320, 568), ("light", 667, 375)]
)
def test_phone(open_page, scheme, width, height):
    page = open_page(color_scheme=scheme, **{**PHONE, "viewport": {"width": width, "height": height}})
    page.touchscreen.tap(*place(page, 0.5, 0.3))
    page.get_by_role("button", name="Undo").tap()
    draw_stroke(page, SEVEN)
    wait_for(page, "7")
    # The page does not scroll sideways, and the answer is on the first screen.
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    answer = page.locator("#words").bounding_box()
    assert answer["y"] + answer["height"] < height
    assert all(box["height"] >= 44 for box in (b.bounding_box() for b in page.locator(".tools button").all()))


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/read", {"Content-Type": "image/png"}, b"", 422),
        ("/read", {"Content-Type": "image/png"}, b"\x89PNG\r\n\x1a\n", 422),
        ("/read", {"Content-Type": "image/png"}, b"\0" * (26 * 2**20), 413),
        ("/read", {"Content-Type": "text/plain"}, b"", 415),
        ("/read", {}, b"", 415),
        ("/read", {"Host": "rebound.example", "Content-Type": "image/png"}, b"", 421),
        ("/model", {}, b"", 405),
        ("/docs", {}, b"", 404),
    ],
)
def test_bad_requests_are_one_sentence(server, path, headers, body, status):
    response = requests.post(server.url + path, data=body, headers=headers, timeout=60)
    assert response.status_code == status
    assert list(response.json()) == ["error"]
    assert len(response.json()["error"].splitlines()) == 1


def test_a_picture_is_read_without_the_page(server, small_model, mnist_sample):
    row = int(np.flatnonzero(mnist_sample.y_test == 7)[0])
    large = np.kron(255 - mnist_sample.x_test[row], np.ones((8, 8), np.uint8))
    answer = requests.post(server.url + "/read", data=png(large), headers={"Content-Type": "image/png"}, timeout=60)
    assert answer.status_code == 200
    (digit,) = answer.json()["digits"]
    assert digit["digit"] == 7
    assert len(base64.b64decode(digit["pixels"])) == 28 * 28
    assert answer.json()["model"] | {"recorded": False} == requests.get(server.url + "/model", timeout=60).json()
    about = {"name": small_model.name, "accuracy": None, "classes": list("0123456789"), "side": 28}
    assert answer.json()["model"] == about


def test_a_model_of_another_size_names_its_classes(browser, start, clothes_model):
    server = start("draw", "--model", str(clothes_model), "--no-browser")
    context = browser.new_context(viewport={"width": 360, "height": 740})
    problems = []
    try:
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(server.url)
        expect(page.locator("#chances tbody th")).to_have_text(CLOTHES)
        draw_stroke(page, SEVEN)
        wait_for(page, f"({'|'.join(map(re.escape, CLOTHES))})")
        assert page.locator("#answer").inner_text().rstrip("?") == page.locator("tr.best th").inner_text()
        assert page.evaluate("[seen.width, seen.height]") == [32, 32]
        draw_stroke(page, [(0.1, 0.2), (0.12, 0.8)])
        expect(page.locator("#found button")).to_have_count(2, timeout=20_000)
        # Words stand apart.
        assert " " in page.locator("#answer").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    finally:
        context.close()
    assert not problems


def test_policy_forbids_everything_remote(server):
    policy = requests.get(server.url, timeout=60).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy and "*" not in policy and "unsafe" not in policy

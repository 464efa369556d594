"""What is drawn is recorded when it is final, with what a person says of it: in a real browser, and as requests."""

import json
import re
import time

import numpy as np
import pytest
import requests
from playwright.sync_api import expect
from support.browser import ONE, SEVEN, draw_stroke, wait_for
from support.scoring import JSON
from support.served import rows

pytestmark = pytest.mark.slow


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def server(start, small_model, log):
    return start("draw", "--model", str(small_model), "--no-browser", "--log", str(log))


@pytest.fixture
def page(browser, server):
    context = browser.new_context()
    shown = context.new_page()
    shown.goto(server.url)
    expect(shown.locator("#reader")).to_have_text("model.keras")
    yield shown
    context.close()


def eventually(log, count, kind="rows"):
    deadline = time.monotonic() + 30
    while len(rows(log, kind)) < count and time.monotonic() < deadline:
        time.sleep(0.2)
    found = rows(log, kind)
    assert len(found) == count
    return found


def test_the_page_says_that_it_records_and_takes_corrections_by_mouse_and_by_key(page, server, log):
    assert f"is kept in {log}." in server.ready
    expect(page.locator("#recorded")).to_have_text("What you draw here is recorded.")
    expect(page.locator("#judge")).to_be_hidden()
    draw_stroke(page, SEVEN)
    wait_for(page, "7")
    expect(page.locator("#judged")).to_have_text("Is that right?")
    page.get_by_role("button", name="Right").click()
    expect(page.locator("#judged")).to_have_text("Recorded: it is 7. Thank you.")
    page.get_by_label("It is another one").select_option(label="1")
    expect(page.locator("#judged")).to_have_text("Recorded: it is 1. Thank you.")
    page.get_by_role("button", name="Clear").click()
    wait_for(page, "", "empty")
    draw_stroke(page, ONE)
    wait_for(page, "1")
    page.keyboard.press("4")
    expect(page.locator("#judged")).to_have_text("Recorded: it is 4. Thank you.")
    page.keyboard.press("n")
    expect(page.locator("#judged")).to_have_text("Recorded: no digit. Thank you.")
    page.keyboard.press("y")
    expect(page.locator("#judged")).to_have_text("Recorded: it is 1. Thank you.")
    first, second = eventually(log, 2)
    assert (first["digit"], second["digit"], first["command"]) == (7, 1, "draw")
    said = [(row["id"], row["label"]) for row in eventually(log, 5, "labels")]
    assert said == [(first["id"], 7), (first["id"], 1), (second["id"], 4), (second["id"], None), (second["id"], 1)]
    assert np.frombuffer(first["pixels"], np.uint8).max() == 255


def test_only_what_is_final_is_recorded(page, log):
    draw_stroke(page, SEVEN)
    wait_for(page, "7")
    page.keyboard.press("Control+z")
    wait_for(page, "", "empty")
    draw_stroke(page, ONE)
    wait_for(page, "1")
    (row,) = eventually(log, 1)
    assert row["digit"] == 1
    # Left alone or cleared, it is recorded once.
    page.get_by_role("button", name="Clear").click()
    wait_for(page, "", "empty")
    draw_stroke(page, SEVEN)
    wait_for(page, "7")
    page.goto("about:blank")
    assert [row["digit"] for row in eventually(log, 2)] == [1, 7]


USELESS = [
    (b"", 400, "Send {"),
    (b"[]", 400, "Send {"),
    (b'{"ids": 3}', 400, "Send {"),
    (b'{"ids": ["x"], "more": 1}', 400, "Send {"),
    (b'{"labelled": {"x": "7"}}', 400, "Send {"),
    (b'{"ids": ["x"]}', 409, "x is no reading of late: draw it again."),
    (b'{"ids": [' + b'"x",' * 600 + b'"x"]}', 400, "Send {"),
    (b" " * 2**21, 413, "The body may have 1 MiB at most"),
]


def test_a_note_that_says_nothing_of_use_is_refused(server, log):
    for body, status, sentence in USELESS:
        answer = requests.post(server.url + "/keep", data=body, headers=JSON, timeout=60)
        assert answer.status_code == status and answer.json()["error"].startswith(sentence), body[:50]
    assert server.stop() == 0 and rows(log) == [] and rows(log, "labels") == []


def test_labels_are_classes_and_a_web_site_cannot_send_any(server, mnist_sample, log):
    import io

    from PIL import Image

    picture = io.BytesIO()
    Image.fromarray(255 - np.pad(mnist_sample.x_test[0], 14)).save(picture, "PNG")
    read = requests.post(
        server.url + "/read", data=picture.getvalue(), headers={"Content-Type": "image/png"}, timeout=60
    )
    (digit,) = read.json()["digits"]
    for label in (10, -1):
        body = json.dumps({"labelled": {digit["id"]: label}})
        refused = requests.post(server.url + "/keep", data=body, headers=JSON, timeout=60)
        assert refused.status_code == 400 and refused.json()["error"].startswith("A label is a class from 0 to 9")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        refused = requests.post(server.url + "/keep", data=body, headers={"Content-Type": kind}, timeout=60)
        assert refused.status_code == 415
    for _ in range(2):
        body = json.dumps({"ids": [digit["id"]], "labelled": {digit["id"]: 3}})
        assert requests.post(server.url + "/keep", data=body, headers=JSON, timeout=60).status_code == 200
    assert server.stop() == 0
    (row,) = rows(log)
    assert [label["label"] for label in rows(log, "labels")] == [3, 3]
    assert re.fullmatch(r".+ on .+", rows(log, "labels")[0]["who"]) and row["id"] == digit["id"]


def test_what_a_person_labels_is_kept_whatever_the_sample(start, small_model, browser, log):
    server = start("draw", "--model", str(small_model), "--no-browser", "--log", str(log), "--sample", "0")
    page = browser.new_page()
    page.goto(server.url)
    for stroke, answer in ((SEVEN, "7"), (ONE, "1")):
        draw_stroke(page, stroke)
        wait_for(page, answer)
        page.wait_for_timeout(2500)
        if answer == "1":
            page.keyboard.press("y")
            expect(page.locator("#judged")).to_have_text("Recorded: it is 1. Thank you.")
        page.get_by_role("button", name="Clear").click()
        wait_for(page, "", "empty")
    page.close()
    assert server.stop() == 0
    (row,) = rows(log)
    assert row["digit"] == 1 and [label["id"] for label in rows(log, "labels")] == [row["id"]]


def test_without_a_log_there_is_nothing_to_say(start, small_model, browser):
    server = start("draw", "--model", str(small_model), "--no-browser")
    assert requests.post(server.url + "/keep", data=b"{}", headers=JSON, timeout=60).status_code == 404
    page = browser.new_page()
    page.goto(server.url)
    draw_stroke(page, SEVEN)
    wait_for(page, "7")
    expect(page.locator("#judge")).to_be_hidden()
    expect(page.locator("#recorded")).to_be_hidden()
    page.close()

"""The page for labels in a real headless Chromium, on a real server."""

import json
import shutil
import signal
import string
import threading
import time

import numpy as np
import psutil
import pytest
import requests
import uvicorn
from playwright.sync_api import expect
from support.scoring import JSON
from support.served import add, rows

from digits.files import sha256_file
from digits.git import person
from digits.serving.http import address, listen
from digits.serving.label import Labelling, build_app
from digits.serving.labels import read_labels
from digits.serving.log import ServedLog
from digits.serving.page import guard
from digits.serving.unlabelled import Unlabelled

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    """A log of ten images."""
    return write_log(tmp_path / "log", 10)


@pytest.fixture
def serve():
    """A function that serves a log from a thread, and returns the server's address."""
    ended = []

    def begin(folder, names=(), order="least-sure"):
        log, sock = ServedLog(folder, "label"), listen("127.0.0.1", 0)
        app = guard(build_app(Labelling(Unlabelled(folder, order), log, names)))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        ended.append((server, thread, log))
        return address(sock)

    yield begin
    for server, thread, log in ended:
        server.should_exit = True
        thread.join()
        log.close()


@pytest.fixture
def open_page(browser):
    """A function that opens a page. At the end, no script may have failed."""
    contexts, problems = [], []

    def open_(url, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: "Content Security" in message.text and problems.append(message.text))
        page.goto(url)
        expect(page.locator("#question")).not_to_have_text("Looking for images…")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not problems


def write_log(folder, count, classes=10, sha256="ab" * 32):
    chances = np.random.default_rng(0).dirichlet([0.3] * classes, count).astype(np.float32)
    pixels = np.random.default_rng(1).integers(0, 256, (count, 28, 28), np.uint8)
    log = ServedLog(folder, "serve")
    log.add(sha256, "7", pixels, chances, [True] * count, 1.0)
    log.close()
    return folder


def least_sure(folder):
    return [row["id"] for row in sorted(rows(folder), key=lambda row: max(row["probabilities"]))]


def label(start, folder, *options):
    return start("label", str(folder), "--no-browser", *options)


def press(page, key, said):
    page.keyboard.press(key)
    expect(page.locator("#said")).to_have_text(said)


def test_five_by_key_undo_and_on_after_a_kill(start, folder, open_page):
    server = label(start, folder)
    assert server.ready.startswith(f"Label the 10 images of {folder} on http://127.0.0.1:")
    page = open_page(server.url)
    order = least_sure(folder)
    expect(page.locator("#progress")).to_have_text("0 labelled, 10 left")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    for key in "3141":
        press(page, key, f"Kept: {key}.")
    press(page, "-", "Kept: no digit.")
    expect(page.locator("#progress")).to_have_text("5 labelled, 5 left")
    press(page, "ArrowRight", "Skipped.")
    for left, said in ((5, "Kept: no digit."), (6, "Kept: 1."), (7, "Kept: 4.")):
        page.keyboard.press("Backspace")
        expect(page.locator("#said")).to_have_text(said)
        expect(page.locator("#progress")).to_have_text(f"{10 - left} labelled, {left} left")
    press(page, "8", "Kept: 8.")
    # What the model read is shown after a label, to who asks.
    read = {row["id"]: (row["digit"], max(row["probabilities"])) for row in rows(folder)}[order[3]]
    page.keyboard.press("?")
    words = f"Kept: 8. The model read {read[0]} ({100 * read[1]:.1f}\N{NO-BREAK SPACE}%)."
    assert page.locator("#said").text_content() == words
    expect(page.get_by_role("button", name="What did the model read?")).to_be_hidden()
    server.stop(signal.SIGKILL)
    page.keyboard.press("9")
    expect(page.get_by_role("alert")).to_have_text("Not kept. No answer: is `digits label` still running?")
    expect(page.locator("#progress")).to_have_text("4 labelled, 6 left")
    server = label(start, folder)
    page = open_page(server.url)
    expect(page.locator("#progress")).to_have_text("4 labelled, 6 left")
    press(page, "0", "Kept: 0.")
    found = read_labels(folder)
    assert {row: label.label for row, label in found.items()} == dict(zip(order[:5], [3, 1, 4, 8, 0], strict=True))
    assert {(label.who, label.chosen) for label in found.values()} == {(person(), "least-sure")}
    for key in "12345":
        press(page, key, f"Kept: {key}.")
    expect(page.locator("#question")).to_have_text("All are labelled.")
    assert server.stop() == 0
    assert len(read_labels(folder)) == 10 and not list(folder.glob("*.arrows"))


def test_two_people_and_two_servers_lose_nothing(serve, folder, open_page):
    first, second = serve(folder), serve(folder, order="random")
    page, other, third = open_page(first), open_page(first), open_page(second)
    # Ten were given to the first page.
    expect(other.locator("#question")).to_have_text("Nothing more here: 10 were skipped, or are open on another page.")
    expect(third.locator("#order")).to_have_text("In random order.")
    for key in "0123":
        press(page, key, f"Kept: {key}.")
        press(third, key, f"Kept: {key}.")
    page.close(run_before_unload=True)
    other.get_by_role("button", name="Look again").click()
    expect(other.locator("#question")).to_have_text("What is it?")
    press(other, "9", "Kept: 9.")
    said = [row["label"] for row in rows(folder, "labels")]
    assert sorted(said) == [0, 0, 1, 1, 2, 2, 3, 3, 9]
    assert len(read_labels(folder, "random")) == 4 and len(read_labels(folder, "least-sure")) == 5


def test_a_full_disk_and_a_torn_file_are_one_line_each(start, folder, open_page):
    server = label(start, folder)
    page = open_page(server.url)
    press(page, "1", "Kept: 1.")
    process = psutil.Process(server.process.pid)
    process.rlimit(psutil.RLIMIT_FSIZE, (0, -1))
    for key in ("2", "n", "ArrowLeft"):
        page.locator("#trouble").evaluate("(line) => { line.textContent = ''; }")
        page.keyboard.press(key)
        expect(page.get_by_role("alert")).to_have_text(
            f"Not kept: file too large in {folder}. Mend that, then say it again."
        )
        expect(page.locator("#progress")).to_have_text("1 labelled, 9 left")
    process.rlimit(psutil.RLIMIT_FSIZE, (-1, -1))
    press(page, "2", "Kept: 2.")
    expect(page.locator("#trouble")).to_be_hidden()
    assert len(read_labels(folder)) == 2
    (path,) = folder.glob("*.rows.*")
    path.write_bytes(path.read_bytes()[:-20])
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text(f"{path} is damaged (")
    expect(page.locator("#question")).to_have_text("There is no image to show.")
    assert server.stop() == 0 and len(read_labels(folder)) == 2


@pytest.mark.parametrize(("scheme", "width", "height"), [("light", 320, 568), ("dark", 400, 800)])
def test_phone(serve, folder, open_page, scheme, width, height):
    viewport = {"width": width, "height": height}
    page = open_page(serve(folder), color_scheme=scheme, viewport=viewport, is_mobile=True, has_touch=True)
    page.get_by_role("button", name="7", exact=True).tap()
    expect(page.locator("#said")).to_have_text("Kept: 7.")
    page.get_by_role("button", name="No digit").tap()
    expect(page.locator("#said")).to_have_text("Kept: no digit.")
    page.get_by_role("button", name="Undo").tap()
    expect(page.locator("#progress")).to_have_text("1 labelled, 9 left")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(button.bounding_box()["height"] >= 44 for button in page.locator("button:visible").all())
    expect(page.get_by_role("img")).to_have_accessible_name("Image to label, 28 by 28 pixels")
    expect(page.get_by_role("progressbar")).to_have_accessible_name("1 labelled, 9 left")


def test_the_classes_of_a_model_have_their_names(start, small_model, tmp_path, open_page):
    model = shutil.copytree(small_model.parent, tmp_path / "model")
    names = [f"{count} bells" for count in range(1, 11)]
    (model / "classes.json").write_text(json.dumps(names))
    folder = write_log(tmp_path / "log", 3, sha256=sha256_file(model / "model.keras"))
    write_log(folder, 5)
    page = open_page(label(start, folder, "--model", str(model)).url)
    expect(page.locator("#progress")).to_have_text("0 labelled, 3 left")
    expect(page.locator("#classes button")).to_have_text([f"{key} {name}" for key, name in enumerate(names)])
    press(page, "2", "Kept: 3 bells.")
    page.get_by_role("button", name="6 bells").click()
    expect(page.locator("#said")).to_have_text("Kept: 6 bells.")
    press(page, "N", "Kept: none of these.")


def test_letters_are_keys(serve, tmp_path, open_page):
    page = open_page(serve(write_log(tmp_path, 6, 26), list(string.ascii_uppercase)))
    press(page, "n", "Kept: N.")
    press(page, "S", "Kept: S.")
    press(page, "-", "Kept: none of these.")
    press(page, "ArrowLeft", "Kept: S.")


def test_many_classes_are_found_by_a_part_of_their_name(serve, tmp_path, open_page):
    folder = write_log(tmp_path, 6, 22)
    page = open_page(serve(folder, ["apple", "pineapple", *(f"fruit {number}" for number in range(20))]))
    field = page.get_by_label("Find a class")
    expect(field).to_be_focused()
    page.keyboard.type("pine")
    expect(page.locator("#classes button:visible")).to_have_text(["pineapple"])
    press(page, "Enter", "Kept: pineapple.")
    expect(field).to_have_value("")
    page.keyboard.type("fruit 1")
    expect(page.locator("#classes button:visible")).to_have_count(11)
    page.keyboard.press("ArrowLeft")
    press(page, "Enter", "Kept: fruit 1.")
    press(page, "-", "Kept: none of these.")
    press(page, "ArrowLeft", "Kept: fruit 1.")
    assert sorted(label.label for label in read_labels(folder).values()) == [1, 3]


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("label", b"", 400, 'Send {"id": "…", "label": 7}.'),
        ("label", b'{"id": "x"}', 400, 'Send {"id": "…", "label": 7}.'),
        ("label", b'{"id": "x", "label": true}', 400, 'Send {"id": "…", "label": 7}.'),
        ("label", b'{"id": "x", "label": 1}', 409, "x is no image of this log: load the page anew."),
        ("undo", b'{"id": 3}', 400, 'Send {"id": "…"}.'),
        ("images", b'{"page": "' + b"x" * 41 + b'"}', 400, 'Send {"page": "…", "anew": true}.'),
        ("leave", b" " * 2**17, 413, "The body may have"),
        ("other", b"", 404, "This server has GET /, "),
    ],
)
def test_what_says_nothing_of_use_is_refused(serve, folder, path, body, status, sentence):
    url = serve(folder)
    answer = requests.post(f"{url}/{path}", data=body, headers=JSON, timeout=60)
    assert answer.status_code == status and answer.json()["error"].startswith(sentence)
    assert read_labels(folder) == {}


def test_a_label_is_a_class_of_the_row_and_no_web_site_sends_one(serve, folder):
    url = serve(folder)
    (row, *_) = least_sure(folder)
    for wrong in (10, -1):
        refused = requests.post(f"{url}/label", json={"id": row, "label": wrong}, timeout=60)
        assert refused.status_code == 400 and refused.json()["error"].startswith("A label is a class from 0 to 9")
    body = b'{"id": "%s", "label": 1}' % row.encode()
    assert (
        requests.post(f"{url}/label", data=body, headers={"Content-Type": "text/plain"}, timeout=60).status_code == 415
    )
    foreign = requests.post(f"{url}/label", data=body, headers=JSON | {"Host": "rebound.example"}, timeout=60)
    assert foreign.status_code == 421 and read_labels(folder) == {}
    assert requests.post(f"{url}/label", data=body, headers=JSON, timeout=60).json() == {}
    assert read_labels(folder)[row].label == 1


def test_images_that_are_logged_meanwhile_are_found_when_the_page_is_loaded(serve, folder, open_page):
    page = open_page(serve(folder))
    log = ServedLog(folder, "draw")
    add(log, 3)
    deadline = time.monotonic() + 30
    while len(rows(folder)) < 13 and time.monotonic() < deadline:
        time.sleep(0.1)
    page.reload()
    expect(page.locator("#progress")).to_have_text("0 labelled, 13 left")
    log.close()

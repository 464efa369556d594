"""The round after the release: draw, correct, monitor, collect, retrain, promote on probation, drift, alarm, rollback.

Everything is real: the drawing page in a browser, the log, Great Expectations, DVC and the registry on SQLite. What
other people sent are test images of the sample, moved to a corner, which a network without augmentation reads badly.
"""

import numpy as np
import pytest
from playwright.sync_api import expect
from support.browser import ONE, SEVEN, draw_stroke, wait_for
from support.project import change, make_project
from support.session import Session
from support.stores import forget_store

from digits.data.dataset import Dataset
from digits.data.feedback import read_feedback
from digits.model.classifier import load_classifier
from digits.registry.resolve import resolve
from digits.serving.log import ServedLog

pytestmark = [pytest.mark.slow, pytest.mark.long]

SENT = 300


@pytest.fixture
def session(tmp_path, monkeypatch, capsys):
    (tmp_path / "project").mkdir()
    project = make_project(tmp_path / "project")
    change(
        project.folder / "params.yaml",
        {
            # Of 400 test images, an interval rules out nothing smaller.
            "register.promotion.non_inferiority_margin": 0.1,
            "register.promotion.class_margin": 0.5,
            "register.promotion.calibration_margin": 0.3,
            "register.promotion.latency_ratio": 1000.0,
            "validate.each.x": [0, 27],
            "validate.each.y": [0, 27],
        },
    )
    project.run("git", "commit", "-qam", "Gates for the sample")
    yield Session(project, monkeypatch, capsys)
    forget_store()


def send(session, images, labels):
    """Log images as the champion's answers, and what people say they are."""
    model = resolve("champion", session.registry)
    answers = load_classifier(model.file())(images)
    log = ServedLog(session.project.folder / "served", "serve")
    ids = log.add(model.sha256, model.number, images, answers, [True] * len(images), 1.0)
    for row, label in zip(ids, labels, strict=True):
        log.label(row, int(label), "eve")
    log.close()
    return answers.argmax(axis=1)


def moved(images):
    """To the lower right; what does not fit is cut off."""
    return np.pad(images, ((0, 0), (4, 0), (4, 0)))[:, :28, :28]


def test_the_round(session, browser, start, mnist_sample):
    session.project.run("python", "-m", "digits.cli", "repro")
    session.project.run("git", "add", "-A")
    session.project.run("git", "commit", "-qm", "Record the first run")

    digits_are_drawn_and_corrected(session, browser, start)
    what_people_sent_is_watched_and_collected(session, mnist_sample)
    the_champion_is_retrained(session)
    the_challenger_is_promoted_on_probation(session)
    a_drift_raises_an_alarm_and_a_worse_champion_goes(session, mnist_sample)


def digits_are_drawn_and_corrected(session, browser, start):
    server = start("draw", "--no-browser", "--log", "served")
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url)
    expect(page.locator("#reader")).to_contain_text("version 1")
    for number in range(10):
        draw_stroke(page, (SEVEN, ONE)[number % 2])
        wait_for(page, r"\d")
        if number < 3:
            page.keyboard.press("71"[number % 2])
            expect(page.locator("#judged")).to_contain_text("Thank you")
        page.get_by_role("button", name="Clear").click()
        wait_for(page, "", "empty")
    context.close()
    assert server.stop() == 0
    # All drawings differ from what the model knows.
    assert "10 images that digits version 1 read" in session.digits("monitor", code=None)


def what_people_sent_is_watched_and_collected(session, mnist_sample):
    images = moved(mnist_sample.x_test[:SENT])
    read = send(session, images, mnist_sample.y_test[:SENT])
    assert (read == mnist_sample.y_test[:SENT]).mean() < 0.8
    out = session.digits("monitor", code=1)
    assert "alarm: " in out and "centre of mass x" in out.split("alarm: ")[1]
    out = session.digits("compare", "champion", "--on", "served")
    assert "Labelled images of served" in out or "accuracy in %" in out
    assert "nothing trained: " in session.digits("retrain", "--at-least", "1000")
    folder = session.project.folder / "data" / "feedback" / "images"
    collected = read_feedback(folder, 28)
    assert len(collected) > 0.9 * SENT and set(collected.table["who"]) >= {"eve"}
    session.project.run("git", "add", "data/feedback/images.dvc")
    session.project.run("git", "commit", "-qm", "Collect feedback")
    # What was collected already is not collected twice.
    assert "(0 new)" in session.digits("collect")


def the_champion_is_retrained(session):
    out = session.digits("retrain", "--at-least", "200")
    assert "version 2 is challenger, `digits promote` decides" in out
    assert session.aliases() == {"champion": "1", "challenger": "2"}
    dataset = Dataset(session.project.folder / "data" / "processed")
    assert dataset.has_feedback
    assert "preprocess.extra=['data/feedback/images']" in session.digits("lineage", "challenger")


def the_challenger_is_promoted_on_probation(session):
    out = session.digits("promote", "--probation", "40rows")
    # As in the table, where the name may be folded.
    assert "Better accuracy on" in out and "feedback" in out and "FAIL" not in out
    assert "on probation for 40rows" in out
    assert session.aliases() == {"champion": "2"}


def a_drift_raises_an_alarm_and_a_worse_champion_goes(session, mnist_sample):
    images = 255 - mnist_sample.x_test[:60]
    former = load_classifier(resolve("1", session.registry).file())(images).argmax(axis=1)
    send(session, images, former)
    out = session.digits("monitor", code=1)
    assert "alarm: " in out and "mean ink" in out
    assert "version 2 was worse than 1 on 40 labelled images" in " ".join(out.split())
    assert session.aliases() == {"champion": "1"}
    assert "probation: version 2 was worse" in " ".join(session.digits("history").replace("│", " ").split())

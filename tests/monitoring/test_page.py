import datetime
import re

import numpy as np
import pytest

from digits.monitoring.drift import describe
from digits.monitoring.live import Observed, Served
from digits.monitoring.monitor import judge
from digits.monitoring.page import monitor_page
from digits.monitoring.strangest import MOST, Extremes
from digits.validation.run import Check

NAMES = ["<b>zero</b>", *map(str, range(1, 10))]
FAILED = Check("served images", "row", "mean ink", "131, 140", "4 … 130", 2, [5, 9], False)


def observed(images, labels):
    return Observed(describe(images, np.eye(10)[labels] * 0.8 + 0.02, 0.5, {"max": [250, 255]}), labels)


@pytest.fixture(scope="module")
def validation(mnist_sample):
    return observed(mnist_sample.x_train, mnist_sample.y_train)


def page_of(validation, images, labels, checks=()):
    live, extremes = observed(images, labels), Extremes()
    extremes.add(live.columns, images)
    day = datetime.datetime(2026, 11, 27, 8, 30, tzinfo=datetime.UTC)
    served = Served(live.columns, live.labels, first=day, last=day, extremes=extremes)
    verdict = judge(validation, served, 10, 0.05, range(20), checks)
    return monitor_page(verdict, validation, served, "digits version 7", NAMES)


@pytest.mark.slow
def test_the_page_shows_the_verdict_and_loads_nothing(validation, mnist_sample):
    images = np.maximum(mnist_sample.x_test, np.roll(mnist_sample.x_test, 1, axis=2))
    page = page_of(validation, images, mnist_sample.y_test, [FAILED])
    assert page == page_of(validation, images, mnist_sample.y_test, [FAILED])
    assert 'class="verdict alarm">alarm: ' in page and "2026-11-27 08:30" in page and "400 images" in page
    assert page.count('<img src="data:image/png;base64,') == 2 * MOST == page.count("<img ")
    assert "✗ mean ink" in page and "131, 140" in page
    assert "<script" not in page and not re.search(r"url\(|@import|https?://", page)
    assert "<b>" not in page and "&lt;b&gt;zero" in page


def test_a_single_blank_image_has_a_page(validation, mnist_sample):
    page = page_of(validation, np.zeros((1, 28, 28), np.uint8), mnist_sample.y_test[:1])
    assert "1 image from" in page and "nan" not in page.lower()


@pytest.mark.slow
def test_the_page_fits_a_phone_in_light_and_dark(validation, mnist_sample, browser, tmp_path):
    path = tmp_path / "monitor.html"
    path.write_text(page_of(validation, mnist_sample.x_test, mnist_sample.y_test, [FAILED]), encoding="utf-8")
    backgrounds = set()
    for scheme in ("light", "dark"):
        page = browser.new_page(viewport={"width": 400, "height": 800}, color_scheme=scheme)
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
        backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.close()
    assert len(backgrounds) == 2

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from digits.data.changes import compare_raw
from digits.data.raw import Split
from digits.report.data_changes import MOST_IMAGES, Side, changes_page, print_changes

RNG = np.random.default_rng(2)
NAMES = ["ant", "<b>", "cat"]


def split(count):
    return Split(RNG.integers(0, 256, (count, 4, 4), np.uint8), (np.arange(count) % 3).astype(np.uint8))


def sides(before, after, names=NAMES, **more):
    test = split(3)
    found = [{"train": data, "test": test} for data in (before, after)]
    return compare_raw(*found), Side("HEAD~1", found[0], NAMES), Side("HEAD", found[1], names, **more)


def edited(data):
    """One image less, one new label, one other image in its place, one image more."""
    images, labels = data.images.copy(), data.labels.copy()
    labels[3], images[4] = 2, 9
    return Split(np.concatenate([images[1:], images[:1] // 2]), np.append(labels[1:], 1).astype(np.uint8))


def printed(*arguments, width=60):
    out = io.StringIO()
    print_changes(*arguments, Console(file=out, width=width))
    return out.getvalue()


def test_the_table_has_the_classes_in_which_something_changed():
    data = split(9)
    found = sides(data, edited(data))
    text = printed(*found)
    lines = [line.split() for line in text.splitlines()]
    assert ["ant", "3", "1", "1", "-1"] in lines
    assert ["<b>", "3", "4", "1", "1"] in lines and ["cat", "3", "4", "+1"] in lines
    assert ["all", "3", "9", "9", "1", "1", "-1", "+1", "1"] in lines
    assert "HEAD~1 → HEAD, 12 images: 1 added, 1 removed, 1 relabelled, 1 changed" in text
    assert "…" not in text and "test\n" not in text


def test_what_no_table_shows_is_said():
    data = split(9)
    order = np.arange(9)[::-1]
    text = printed(*sides(data, Split(data.images[order], data.labels[order]), ["ant", "[bee]", "cat", "dog"]))
    assert "no image and no label changed" in text
    assert "train: the images that are in both stand in another order" in text
    assert "classes have other names: <b> → [bee], 3 → dog" in text


def test_the_page_shows_the_pixels_and_is_the_same_each_time():
    data = split(9)
    found = sides(data, edited(data), transpose=True)
    page = changes_page(*found)
    assert page == changes_page(*found)
    pictures = [base64.b64decode(text) for text in re.findall(r"data:image/png;base64,([^\"]+)", page)]
    shown = [np.asarray(Image.open(io.BytesIO(picture))) for picture in pictures]
    # Added, removed, relabelled, and the changed one before and after. Those after are stored transposed.
    expected = [data.images[0].T // 2, data.images[0], data.images[3].T, data.images[4], np.full((4, 4), 9)]
    assert all(map(np.array_equal, shown, expected)) and len(shown) == 5
    assert "ant → cat" in page and "row 3 → 2" in page and "&lt;b&gt;" in page and "<b>" not in page


def test_long_lists_are_cut_alike_for_all_classes_and_say_so():
    data = split(3 * MOST_IMAGES)
    page = changes_page(*sides(data, Split(data.images[:3], data.labels[:3])))
    assert page.count("<img") == MOST_IMAGES
    assert f"train: {3 * MOST_IMAGES - 3:,}, {MOST_IMAGES} shown, the first of each class" in page


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_in_light_and_dark(tmp_path, browser, scheme):
    data = split(60)
    path = tmp_path / "changes.html"
    path.write_text(changes_page(*sides(data, Split(255 - data.images, data.labels))))
    page = browser.new_page(viewport={"width": 400, "height": 844}, color_scheme=scheme)
    requested = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert all(url.startswith(("file:", "data:")) for url in requested)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    page.close()

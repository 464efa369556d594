import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from support.models import ALL, BETTER, FIRST, IMAGES, NAMES, changed, trained

from digits.evaluation.comparison import compare
from digits.report.comparison_page import MOST_IMAGES, comparison_page, disagreements


class _Page(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.sources, self.texts = set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href", "action", "data", "srcset")]
        self.texts += [value for name, value in attrs if name in ("alt", "title")]


@pytest.mark.slow
def test_the_page_loads_nothing_runs_nothing_and_is_the_same_each_time():
    page = comparison_page(compare(ALL), IMAGES)
    parsed = _Page(page)
    assert all(source.startswith("data:image/") for source in parsed.sources)
    assert not parsed.tags & {"script", "link", "iframe", "object", "embed", "form"}
    assert not re.search(r"url\(|@import", page)
    assert page == comparison_page(compare(ALL), IMAGES)
    for model in ALL:
        assert model.name in page
    assert "p corrected for 3 comparisons (Holm)" in page


@pytest.mark.slow
def test_a_class_may_have_another_name_in_another_model():
    per_class = {f"{name}!": scores for name, scores in BETTER.metrics["per_class"].items()}
    renamed = changed(BETTER, metrics=BETTER.metrics | {"per_class": per_class})
    plain, page = (comparison_page(compare([FIRST, other]), IMAGES) for other in (BETTER, renamed))
    assert page == plain


def test_names_cannot_break_the_page():
    page = comparison_page(compare([FIRST, changed(BETTER, name="<script>x</script>")]), IMAGES)
    assert "script" not in _Page(page).tags


def test_images_on_which_models_disagree_are_those_and_their_pixels_are_right():
    other = trained("other", [*range(10, 40), *range(50, 70)], answer=2)
    comparison = compare([FIRST, other])
    won, lost, both = disagreements(comparison.baseline, comparison.entries[1], NAMES, IMAGES)
    # First errs on 0…59: only other is right on 0…9 and 40…49, only first on 60…69, both err differently on the rest.
    assert [picture.row for picture in won.pictures] == [*range(10), *range(40, 50)]
    assert [picture.row for picture in lost.pictures] == [*range(60, 70)]
    assert [picture.row for picture in both.pictures] == [*range(10, 40), *range(50, 60)]
    assert (won.total, lost.total, both.total) == (20, 10, 40)
    picture = lost.pictures[3]
    assert (picture.actual, picture.before, picture.after) == ("cross", "cross", "square")
    assert picture.words == "Image 63, true class cross: first says cross (90% sure), other says square (90% sure)"
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.uri.partition(",")[2]))))
    assert (pixels == IMAGES[63]).all()
    assert picture.uri in comparison_page(comparison, IMAGES)


def test_long_lists_of_images_are_cut_and_say_so():
    comparison = compare([trained("none wrong"), trained("many wrong", range(100))])
    lost = disagreements(comparison.baseline, comparison.entries[1], NAMES)[1]
    assert (len(lost.pictures), lost.total) == (MOST_IMAGES, 100)
    page = comparison_page(comparison)
    assert f"100 images, the {MOST_IMAGES} with the surest mistakes" in page
    # Without the images, the page has their numbers.
    assert "image 42" in page
    assert "image/png" not in page


def test_the_page_of_one_model_compares_nothing():
    page = comparison_page(compare([FIRST]))
    assert "<h1>first</h1>" in page
    assert "against" not in page.lower()


@pytest.mark.slow
def test_the_page_fits_a_phone_and_asks_the_network_for_nothing(tmp_path, browser):
    path = tmp_path / "compare.html"
    path.write_text(comparison_page(compare(ALL), IMAGES))
    page = browser.new_page(viewport={"width": 390, "height": 844})
    requested = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []
    page.close()


def with_class(model, name, support=0):
    """The model with one class more, which it was never right about."""
    scores = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": support}
    return changed(model, metrics=model.metrics | {"per_class": {**model.metrics["per_class"], name: scores}})


@pytest.mark.slow
def test_models_with_more_and_fewer_classes_are_compared_by_their_labels():
    """Scored on the same images: one names a label that no image has, and takes an image for it."""
    predictions = BETTER.predictions.copy()
    predictions.loc[5, "predicted"] = len(NAMES)
    more = changed(with_class(BETTER, "blob"), predictions=predictions)
    for models in ([FIRST, more], [more, FIRST]):
        page = comparison_page(compare(models), IMAGES)
        assert "blob" in page
        recalls = page[page.index("Recall of each class") :]
        row = recalls[recalls.index(">blob</th>") :]
        assert row[: row.index("</tr>")].count("<td>–</td>") == 2


class _Names(HTMLParser):
    """The first cells of the rows of a table."""

    def __init__(self, page):
        super().__init__()
        self.names, self.within = [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.within = tag == "th"
        if self.within:
            self.names.append("")

    def handle_endtag(self, tag):
        self.within = False

    def handle_data(self, data):
        if self.within:
            self.names[-1] += data


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        ["<script>x</script>", "&amp;", "{{ 7 * 7 }}", "a|b"],
        ["'", '"', "$x$", "\\"],
        ["[link](https://example.org)", "**", "{% raw %}", "é %"],
    ],
)
def test_any_class_names_are_shown_as_they_are(names):
    models = [
        changed(m, metrics=m.metrics | {"per_class": dict(zip(names, m.metrics["per_class"].values(), strict=True))})
        for m in (FIRST, BETTER)
    ]
    page = comparison_page(compare(models), IMAGES)
    assert "script" not in _Page(page).tags
    recalls = page[page.index("Recall of each class") :]
    assert _Names(recalls[: recalls.index("</table>")]).names[3:] == names
    # An attribute of an image says the names as well.
    assert any(f"true class {names[3]}:" in text for text in _Page(page).texts)

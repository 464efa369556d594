"""The page: complete without the network, the same each time, and made for people who use no eyes or no colour."""

import re
from dataclasses import replace

import pytest
from support.models import BETTER, FIRST

from digits import paths
from digits.evaluation.comparison import compare
from digits.registry.gates import Gate
from digits.report.figures import OF_RESULTS
from digits.report.run_facts import Standing, run_facts
from digits.report.run_page import ALTERNATIVES, run_page
from digits.results import Results

GOOD = Gate("Macro F1", "0.9074", "at least 0.7500", True, 0.9074, 0.75)
BAD = Gate("Size <", "30 MB", "at most 20 MB", False, 30, 20)
# What a model of an earlier version does not have.
LATER = (paths.ROBUSTNESS, paths.VALIDATION_FACTS)


@pytest.fixture
def results(project):
    return Results("<b>run", lambda path: project / path if (project / path).is_file() else None)


def page(results, images=None, standing=None, validation=None):
    facts = run_facts(results, {}, standing=standing, left_out=["The gates: <i>gone"])
    return run_page(facts, results, images, 15, 4, validation)


def test_each_figure_has_words_for_who_does_not_see_it():
    assert set(ALTERNATIVES) == {*OF_RESULTS, "validation", "differences"}


@pytest.mark.slow
def test_the_page_is_the_same_each_time_and_loads_nothing(project, results, images):
    made = page(results, images, validation=project / paths.VALIDATION_FIGURE)
    assert made == page(results, images, validation=project / paths.VALIDATION_FIGURE)
    assert "&lt;b&gt;run: " in made and "Left out. The gates: &lt;i&gt;gone" in made and "<b>" not in made
    assert "<script" not in made
    assert all(one.startswith(("data:", "#")) for one in re.findall(r'(?:src|href)="([^"]*)', made))
    alts = re.findall(r'<img[^>]* alt="([^"]*)"', made)
    assert len(alts) == made.count("<img") == 8 + 4 and all(alts)
    assert "The 4 most confident of 15 mistakes" in made
    # Names of classes, not their labels.
    assert re.search(r"<strong>Ankle boot, answered (Trouser|T-shirt/top)</strong>", made)
    for section in re.findall(r'href="#([a-z]+)"', made):
        assert f'<h2 id="{section}">' in made


def test_without_images_and_measures_it_says_so(results):
    older = replace(results, find=lambda path: None if path in LATER else results.find(path))
    made = page(older)
    assert "15 test images are classified wrongly. They are not shown" in made
    assert "It was not measured for this model." in made and made.count("<img") == 6


@pytest.mark.slow
def test_gates_and_differences_stand_in_tables(results):
    standing = Standing("the champion", [GOOD, BAD], compare([FIRST, BETTER]))
    made = page(results, standing=standing)
    assert '<span class="fail">Refused by: Size &lt;.</span>' in made and '<td class="fail">FAIL</td>' in made
    assert "<strong>better than first</strong>" in made and ">train.learning_rate</th><td>0.001</td><td>0.002" in made
    assert "Difference in accuracy to the champion" in made
    alone = page(results, standing=Standing("no other model", [GOOD]))
    assert "All gates pass." in alone and "Differences from the champion" not in alone


@pytest.mark.slow
def test_it_fits_a_telephone_and_is_dark_at_night(results, images, tmp_path, browser):
    standing = Standing("the champion", [GOOD], compare([FIRST, BETTER]))
    file = tmp_path / "page.html"
    file.write_text(page(results, images, standing), encoding="utf-8")
    assert ground(file, browser, "light") == "rgb(255, 255, 255)"
    assert ground(file, browser, "dark") == "rgb(18, 22, 28)"


def ground(file, browser, scheme):
    """The colour behind the page on a telephone, which shows all pictures and has nothing beyond the edge."""
    screen, asked = browser.new_page(viewport={"width": 400, "height": 800}, color_scheme=scheme), []
    screen.on("request", lambda request: asked.append(request.url))
    screen.goto(file.as_uri())
    assert screen.evaluate("document.documentElement.scrollWidth") == 400
    assert screen.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
    assert all(url.startswith(("file:", "data:")) for url in asked)
    colour = screen.evaluate("getComputedStyle(document.body).backgroundColor")
    screen.close()
    return colour

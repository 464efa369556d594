import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from digits.compare import Candidate, compare, duration, print_comparison, print_json, sort_keys, to_csv, to_json
from digits.compare_html import MOST_IMAGES, comparison_page, disagreements
from digits.errors import DigitsError
from digits.gates import right
from digits.scores import score
from digits.statistics import compare_paired, mcnemar_exact

N = 2000
NAMES = ["circle", "square", "star", "cross"]
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 28, 28), dtype=np.uint8)


def candidate(name, wrong=(), answer=1, params=None, seconds=100.0, test="test data", labels=None, sure=0.9):
    """A model that errs on the images `wrong`, each time by `answer` classes; label of image i is i modulo 4."""
    actual = np.arange(N) % len(NAMES)
    predicted = actual.copy()
    predicted[list(wrong)] = (actual[list(wrong)] + answer) % len(NAMES)
    probabilities = np.full((N, len(NAMES)), (1 - sure) / (len(NAMES) - 1), np.float32)
    probabilities[np.arange(N), predicted] = sure
    predictions = pd.DataFrame({"image": range(N), "actual": actual, "predicted": predicted, "probability": sure})
    epochs = np.arange(1, 4)
    history = pd.DataFrame(
        {"epoch": epochs, "accuracy": 0.9, "loss": 0.3, "val_accuracy": 1 - 0.1 / epochs, "val_loss": 0.1 / epochs}
    )
    return Candidate(
        name=name,
        params={"train.seed": 42, "train.learning_rate": 0.001} | (params or {}),
        metrics=score(actual, probabilities, NAMES, 0.95, 15),
        history=history,
        predictions=predictions,
        training_seconds=seconds,
        run_id=f"run of {name}",
        model_sha256=f"model of {name}",
        test_sha256=test,
        labels=labels or {},
    )


FIRST = candidate("first", range(60), labels={"version": "1", "aliases": "champion"})
BETTER = candidate("better", range(20), params={"train.learning_rate": 0.002}, labels={"experiment": "funny-bird"})
ALIKE = candidate("alike", range(5, 66), params={"train.batch_size": 64}, seconds=None)
WORSE = candidate("worse", range(20, 120), params={"train.learning_rate": 0.1}, seconds=4000.0)
ELSEWHERE = candidate("elsewhere", test="other data")
ALL = [FIRST, BETTER, ALIKE, WORSE, ELSEWHERE]


def printed(comparison, width):
    console = Console(width=width, file=io.StringIO())
    print_comparison(comparison, console)
    return console.file.getvalue()


def test_each_model_is_judged_against_the_baseline_with_holms_correction():
    comparison = compare(ALL)
    assert [entry.verdict for entry in comparison.entries] == [
        "baseline",
        "better",
        "no evidence",
        "worse",
        "not compared",
    ]
    assert comparison.tests == 3
    better = comparison.entries[1].paired
    alone = compare_paired(right(FIRST.predictions), right(BETTER.predictions))
    assert (better.wins, better.losses, better.p_value) == (40, 0, alone.p_value)
    # The smallest of three p values is multiplied by three.
    assert better.p_adjusted == pytest.approx(3 * mcnemar_exact(40, 0))
    assert (comparison.entries[0].accuracy, comparison.entries[1].accuracy) == (0.97, 0.99)
    assert all(entry.low < entry.accuracy < entry.high for entry in comparison.entries[:4])


def test_another_baseline_turns_the_verdict_round():
    comparison = compare([FIRST, BETTER], baseline="better")
    assert [entry.verdict for entry in comparison.entries] == ["worse", "baseline"]
    # A single comparison needs no correction.
    assert comparison.entries[0].paired.p_adjusted == comparison.entries[0].paired.p_value


def test_only_parameters_that_differ_are_shown_and_text_equals_number():
    from_mlflow = replace(FIRST, name="again", params={"train.seed": "42", "train.learning_rate": "0.001"})
    assert compare([FIRST, from_mlflow]).differing == []
    assert compare(ALL).differing == ["train.learning_rate", "train.batch_size"]


def test_the_same_model_file_is_named_as_such():
    twin = replace(FIRST, name="twin")
    assert compare([FIRST, twin]).entries[1].note == "no evidence: the same model file"
    # Of models that DVC alone knows there is no hash: that is nothing in common.
    unknown = [replace(FIRST, model_sha256=""), replace(BETTER, model_sha256="")]
    assert compare(unknown).entries[1].note == "better: 40 images differ, 40 won, 0 lost"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"candidates": []}, "nothing to compare"),
        ({"candidates": [FIRST, FIRST]}, "first: given more than once"),
        ({"candidates": [FIRST, BETTER], "baseline": "frist"}, r"--baseline frist: not among .* \(first, better\)"),
        ({"candidates": [FIRST, BETTER], "sort": "speed"}, "--sort speed: .* accuracy, .* train.learning_rate"),
    ],
)
def test_mistakes_of_the_user_are_named(arguments, message):
    with pytest.raises(DigitsError, match=message):
        compare(**arguments)


def test_predictions_of_other_images_under_the_same_hash_are_refused():
    shuffled = replace(BETTER, predictions=BETTER.predictions.iloc[::-1])
    with pytest.raises(DigitsError, match="different test images"):
        compare([FIRST, shuffled])


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("accuracy", ["elsewhere", "better", "first", "alike", "worse"]),
        ("difference", ["better", "alike", "worse", "first", "elsewhere"]),
        ("training_seconds", ["first", "better", "elsewhere", "worse", "alike"]),
        ("train.learning_rate", ["first", "alike", "elsewhere", "better", "worse"]),
    ],
)
def test_sorting_puts_the_best_first_and_the_unknown_last(key, order):
    assert [entry.candidate.name for entry in compare(ALL, sort=key).entries] == order


def test_every_sort_key_sorts():
    comparison = compare(ALL)
    for key in sort_keys(comparison.differing):
        result = compare(ALL, sort=key)
        assert sorted(entry.candidate.name for entry in result.entries) == sorted(model.name for model in ALL)
        assert result.baseline.candidate is FIRST


@pytest.mark.parametrize("width", [60, 80, 120, 250])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_the_table_fits_the_terminal_and_loses_nothing(width, count):
    text = printed(compare(ALL[:count]), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for model in ALL[:count]:
        assert f" {model.name} " in text
    flat = " ".join(text.split())
    for fact in ["champion", "97.00", "1 min 40 s", *["better", "40 won", "funny-bird", "0.002"] * (count > 1)]:
        assert fact in flat
    assert ("comparisons (Holm)" in flat) == (count > 2)
    assert ("not compared" in flat) == (count > 4)


def test_long_and_odd_names_are_shown_whole():
    odd = replace(BETTER, name="[bold]a-run-name-that-dvc-or-a-person-made-very-long[/bold]")
    columns = [line[24:42].strip() for line in printed(compare([odd, FIRST]), 80).splitlines()]
    assert "".join(columns).startswith(odd.name)


def test_the_baseline_leads_every_table_that_does_not_fit():
    heads = [line.split() for line in printed(compare(ALL, baseline="worse"), 80).splitlines() if " model " in line]
    assert heads == [["model", "worse", "first", "better"], ["model", "worse", "alike", "elsewhere"]]


def test_json_holds_everything_and_csv_the_table(capsys):
    comparison = compare(ALL)
    print_json(comparison)
    read = json.loads(capsys.readouterr().out)
    assert read == to_json(comparison)
    assert [model["verdict"] for model in read["models"]] == [entry.verdict for entry in comparison.entries]
    assert read["correction"] == "holm"
    assert read["models"][1]["against_baseline"]["wins"] == 40
    assert read["models"][1]["metrics"] == BETTER.metrics
    assert read["models"][0]["against_baseline"] is None

    frame = pd.read_csv(io.StringIO(to_csv(comparison)), dtype=str, keep_default_na=False).set_index("name")
    assert frame.loc["better", ["wins", "losses", "verdict", "train.learning_rate"]].tolist() == [
        "40",
        "0",
        "better",
        "0.002",
    ]
    assert float(frame.loc["better", "difference_low"]) == comparison.entries[1].paired.low
    assert frame.loc["first", ["wins", "version", "train.batch_size"]].tolist() == ["", "1", ""]


def test_durations():
    assert [duration(s) for s in (None, 0.4, 59.6, 131.0, 4000.0)] == [
        "–",
        "0 s",
        "1 min 0 s",
        "2 min 11 s",
        "1 h 6 min",
    ]


class _Loads(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.sources, self.texts = set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href", "action", "data", "srcset")]
        self.texts += [value for name, value in attrs if name in ("alt", "title")]


def test_the_page_loads_nothing_runs_nothing_and_is_the_same_each_time():
    page = comparison_page(compare(ALL), IMAGES)
    parsed = _Loads(page)
    assert all(source.startswith("data:image/") for source in parsed.sources)
    assert not parsed.tags & {"script", "link", "iframe", "object", "embed", "form"}
    assert not re.search(r"url\(|@import", page)
    assert page == comparison_page(compare(ALL), IMAGES)
    for model in ALL:
        assert model.name in page
    assert "p corrected for 3 comparisons (Holm)" in page


def test_a_class_may_have_another_name_in_another_model():
    per_class = {f"{name}!": scores for name, scores in BETTER.metrics["per_class"].items()}
    renamed = replace(BETTER, metrics=BETTER.metrics | {"per_class": per_class})
    plain, page = (comparison_page(compare([FIRST, other]), IMAGES) for other in (BETTER, renamed))
    assert page == plain


def test_names_cannot_break_the_page():
    page = comparison_page(compare([FIRST, replace(BETTER, name="<script>x</script>")]), IMAGES)
    assert "script" not in _Loads(page).tags


def test_images_on_which_models_disagree_are_those_and_their_pixels_are_right():
    other = candidate("other", [*range(10, 40), *range(50, 70)], answer=2)
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
    comparison = compare([candidate("none wrong"), candidate("many wrong", range(100))])
    lost = disagreements(comparison.baseline, comparison.entries[1], NAMES)[1]
    assert (len(lost.pictures), lost.total) == (MOST_IMAGES, 100)
    page = comparison_page(comparison)
    assert f"100 images, the {MOST_IMAGES} with the surest mistakes" in page
    # No images at hand: numbers instead.
    assert "image 42" in page
    assert "image/png" not in page


def test_a_page_for_one_model():
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

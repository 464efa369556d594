"""A model's readings of one picture: digit, certainty, runner-up, place, and how they are told."""

import json

import numpy as np
import pytest
from PIL import Image
from support.drawings import classify, page

from digits.errors import DigitsError
from digits.pictures.file import load_picture
from digits.pictures.read import NOT_SURE_BELOW, Reader, percent, predict, threshold_of
from digits.results import Results

READER = Reader(classify)


def test_digits_in_reading_order_with_certainty_and_runner_up(picture):
    one, seven = predict(picture, Reader(classify, not_sure_below=0.9)).readings
    assert (one.digit, seven.digit) == (1, 7)
    assert one.sure
    assert not seven.sure
    assert one.probability > seven.probability > seven.runner_up_probability
    assert one.runner_up != one.digit


def test_boxes_are_in_pixels_of_the_file(tmp_path):
    path = page(tmp_path / "page.png")
    Image.open(path).resize((3000, 1500)).save(path)
    one, _ = predict(load_picture(path), READER).readings
    left, top, right, bottom = one.box
    assert (abs(np.array([left, top, right, bottom]) - [505, 300, 650, 1205]) < 40).all()


def test_an_empty_page_has_no_digit(tmp_path):
    Image.new("L", (300, 200), 255).save(tmp_path / "blank.png")
    prediction = predict(load_picture(tmp_path / "blank.png"), READER)
    assert prediction.readings == ()
    assert prediction.lines() == [f"{tmp_path / 'blank.png'}: no digit found"]


def test_lines_say_digit_probability_runner_up_and_doubt(picture):
    one, seven = predict(picture, Reader(classify, not_sure_below=0.9)).lines()
    assert "page.png: 1  99.0 %" in one
    assert "next:" in one
    assert "not sure" not in one
    assert seven.endswith("not sure: low probability")


def test_json_has_everything(picture):
    report = json.loads(json.dumps(predict(picture, READER).as_dict()))
    assert [digit["digit"] for digit in report["digits"]] == [1, 7]
    assert len(report["digits"][0]["probabilities"]) == 10


def test_the_models_own_threshold_comes_first():
    results = Results("a model", lambda path: None)
    assert threshold_of(results) == NOT_SURE_BELOW
    results.not_sure_below = 0.7
    assert threshold_of(results) == 0.7


def test_the_names_of_classes_reach_people(picture):
    names = [f"number {label}" for label in range(10)]
    prediction = predict(picture, Reader(classify, class_names=names, not_sure_below=0.9))
    one, seven = prediction.lines()
    assert "page.png: number 1  99.0 %  (next: number 9  0.1 %)" in one and "page.png: number 7  " in seven
    first = prediction.as_dict()["digits"][0]
    assert (first["digit"], first["class"]) == (1, "number 1")
    assert (first["runner_up"], first["runner_up_class"]) == (9, "number 9")


def test_a_reader_knows_its_models_side_names_and_threshold():
    def classifier(pixels):
        raise AssertionError("not called")

    classifier.side, classifier.classes = 32, 2
    results = Results("a model", lambda path: None)
    results.class_names, results.not_sure_below = ["cat", "dog"], 0.7
    assert Reader.of(classifier, results) == Reader(classifier, 32, ["cat", "dog"], 0.7)
    results.class_names = ["cat"]
    with pytest.raises(DigitsError, match="a model tells 2 classes apart, but"):
        Reader.of(classifier, results)


def test_percent_never_claims_certainty():
    assert percent(1.0) == ">99.9 %"
    assert percent(0.0) == "<0.1 %"
    assert percent(0.5) == "50.0 %"

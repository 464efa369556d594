"""Files, folders and standard input are read one after the other, and no user's file is overwritten."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.drawings import classify, page

from digits.pictures.batch import expand, explanation_path, predict_all
from digits.pictures.file import PictureError
from digits.pictures.read import Reader

READER = Reader(classify, not_sure_below=0.9)


def no_stdin() -> bytes:
    raise AssertionError("standard input must not be read")


def test_folders_are_expanded_in_order_and_other_files_left_out(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt", "b-explained.png"):
        (tmp_path / name).touch()
    assert [Path(each).name for each in expand([str(tmp_path), "-"])] == ["a.JPG", "b.png", "-"]


def test_a_bad_picture_does_not_stop_the_others(tmp_path):
    page(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    page(tmp_path / "c.png")
    (tmp_path / "empty").mkdir()
    outcomes = list(predict_all([str(tmp_path), str(tmp_path / "empty"), "nowhere.png"], READER, no_stdin))
    assert [isinstance(each, PictureError) for each in outcomes] == [False, True, False, True, True]
    assert "no picture in this folder" in str(outcomes[3])


def test_a_name_that_is_no_text_can_be_printed_and_titled(tmp_path):
    file = page(tmp_path / os.fsdecode(b"caf\xe9\n\x1b[31m.png"))
    (prediction,) = predict_all([str(file)], READER, no_stdin, tmp_path / "explained")
    assert prediction.lines()[0].startswith(f"{tmp_path}/caf\\xe9\\n\\x1b[31m.png: 1")
    json.dumps(prediction.as_dict(), ensure_ascii=False).encode()
    assert len(list((tmp_path / "explained").iterdir())) == 1


def test_standard_input(tmp_path):
    data = page(tmp_path / "a.png").read_bytes()
    (prediction,) = predict_all(["-"], READER, lambda: data)
    assert [reading.digit for reading in prediction.readings] == [1, 7]


@pytest.mark.slow
def test_each_picture_gets_its_own_explanation_and_always_the_same(tmp_path):
    (tmp_path / "x").mkdir()
    first, second = page(tmp_path / "page.png"), page(tmp_path / "x" / "page.png")
    runs = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        list(predict_all([str(first), str(second)], READER, no_stdin, folder))
        runs.append({path.name: np.asarray(Image.open(path), dtype=int) for path in folder.iterdir()})
    assert set(runs[0]) == set(runs[1]) == {"page-explained.png", "page-2-explained.png"}
    for name, drawn in runs[0].items():
        assert drawn.shape[1] > 800
        # Rounding in the last bit may move a pixel by a level or two of 255.
        assert np.abs(drawn - runs[1][name]).max() <= 3


@pytest.mark.slow
def test_an_explanation_never_overwrites_a_picture(tmp_path):
    # With shell globbing, a second call has the explanations of the first among its pictures.
    pictures = [page(tmp_path / name) for name in ("a-explained.png", "a.png")]
    before = [path.read_bytes() for path in pictures]
    list(predict_all([str(path) for path in reversed(pictures)], READER, no_stdin, tmp_path))
    assert [path.read_bytes() for path in pictures] == before
    made = {path.name for path in tmp_path.iterdir()} - {path.name for path in pictures}
    assert made == {"a-2-explained.png", "a-explained-explained.png"}


def test_explanation_paths_are_numbered(tmp_path):
    taken = {(tmp_path / "a-explained.png").resolve()}
    names = [explanation_path(tmp_path, argument, taken).name for argument in ("a.png", "x/a.jpg", "-")]
    assert names == ["a-2-explained.png", "a-3-explained.png", "stdin-explained.png"]

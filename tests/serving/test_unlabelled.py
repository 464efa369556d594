"""What is left to label, in which order, and for whom."""

import numpy as np
import pytest
from support.advice import refusal
from support.served import add, chances, images

from digits.serving import unlabelled as module
from digits.serving.log import ServedLog
from digits.serving.unlabelled import Unlabelled


@pytest.fixture
def log(tmp_path):
    opened = ServedLog(tmp_path / "log", "serve")
    yield opened
    opened.close()


def ids(found):
    return [image["id"] for image in found["images"]]


def test_the_least_sure_come_first_with_their_own_pixels(log, monkeypatch):
    monkeypatch.setattr("digits.serving.journal._ROW_GROUP", 7)
    rows = [row for seed in range(4) for row in add(log, 10, seed)]
    log.close()
    second = ServedLog(log.folder, "serve")
    rows += add(second, 10, 4)
    second._flush()
    found = Unlabelled(log.folder).take("page", 50, False)
    second.close()
    probabilities = np.concatenate([chances(10, seed) for seed in range(5)])
    pixels = np.concatenate([images(10, seed) for seed in range(5)])
    order = probabilities.max(axis=1).argsort(kind="stable")
    assert ids(found) == [rows[place] for place in order]
    assert [image["pixels"] for image in found["images"]] == [pixels[place].tobytes() for place in order]
    assert [image["digit"] for image in found["images"]] == probabilities[order].argmax(axis=1).tolist()
    assert (found["labelled"], found["left"]) == (0, 50)


def test_a_page_gets_what_no_other_has_and_all_of_it_anew(log, monkeypatch):
    add(log, 10)
    log._flush()
    left = Unlabelled(log.folder)
    one, two = left.take("one", 4, False), left.take("two", 4, False)
    assert not set(ids(one)) & set(ids(two))
    rest = left.take("one", 4, False)
    assert len(ids(rest)) == 2 and left.take("two", 4, False)["images"] == []
    # What another page has is free when it leaves, or after a while.
    left.leave("two")
    assert ids(left.take("one", 10, False)) == ids(two)
    monkeypatch.setattr(module, "_HELD_SECONDS", 0.0)
    assert len(ids(left.take("two", 10, False))) == 10 and left.take("one", 10, False)["images"] == []
    add(log, 5, seed=1)
    log._flush()
    assert len(ids(left.take("one", 20, True))) == 15 and len(left) == 15


def test_what_somebody_labelled_is_not_asked_again(log):
    rows = add(log, 10)
    log._flush()
    left = Unlabelled(log.folder)
    other = ServedLog(log.folder, "label")
    other.label_at_once(rows[3], 1, "eve", "least-sure")
    log.label(rows[4], 1, "eve")
    log._flush()
    found = left.take("page", 20, False)
    assert set(rows) - set(ids(found)) == {rows[3], rows[4]} and (found["labelled"], found["left"]) == (2, 8)
    other.label_at_once(rows[3], None, "eve", "least-sure", withdrawn=True)
    assert ids(left.take("other", 20, False)) == [rows[3]]
    assert set(ids(left.take("page", 20, True))) == {*rows} - {rows[3], rows[4]}
    other.close()


def test_the_random_order_samples_all_rows_and_stays_the_same(log):
    rows = add(log, 200)
    log._flush()
    log.label_at_once(rows[0], 1, "eve", "least-sure")
    found = Unlabelled(log.folder, "random").take("page", 200, False)
    # A row that was labelled because it is hard belongs to the sample.
    assert set(ids(found)) == set(rows) and ids(found) != rows and found["labelled"] == 0
    assert ids(Unlabelled(log.folder, "random").take("page", 50, False)) == ids(found)[:50]
    sure = chances(200).max(axis=1)
    place = {row: number for number, row in enumerate(rows)}
    first = [sure[place[row]] for row in ids(found)[:100]]
    # Four standard errors of the mean of a hundred of two hundred.
    assert abs(np.mean(first) - sure.mean()) < 4 * sure.std() / np.sqrt(200)
    log.label_at_once(ids(found)[0], 1, "eve", "random")
    assert Unlabelled(log.folder, "random").take("page", 1, False)["labelled"] == 1


def test_models_and_sizes_may_differ_and_one_model_can_be_chosen(log):
    add(log, 3)
    large = np.zeros((2, 32, 32), np.uint8)
    log.add("cd" * 32, None, large, np.array([[0.6, 0.4], [0.3, 0.7]], np.float32), [True] * 2, 1.0)
    log._flush()
    left = Unlabelled(log.folder)
    found = left.take("page", 10, False)["images"]
    assert {(image["side"], len(image["probabilities"])) for image in found} == {(4, 3), (32, 2)}
    chosen = Unlabelled(log.folder, model_sha256="cd" * 32)
    (first, second) = chosen.take("page", 10, False)["images"]
    assert (first["digit"], second["digit"], first["side"]) == (0, 1, 32)
    assert chosen.classes_of(first["id"]) == 2 and chosen.classes_of("another") is None


def test_a_file_that_is_gone_is_passed_over_and_a_torn_one_is_named(log):
    add(log)
    log.close()
    (path,) = log.folder.iterdir()
    content = path.read_bytes()
    left = Unlabelled(log.folder)
    path.unlink()
    assert left.take("page", 10, False)["images"] == []
    path.write_bytes(content[:-20])
    assert refusal(left.take, "page", 10, True).startswith(f"{path} is damaged (")
    assert refusal(Unlabelled, log.folder).endswith("move it away")


def test_a_log_without_rows(tmp_path):
    assert len(Unlabelled(tmp_path)) == 0 and Unlabelled(tmp_path, "random").take("page", 1, False)["left"] == 0
    assert "there is no such folder" in refusal(Unlabelled, tmp_path / "none")

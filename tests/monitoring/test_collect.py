"""Labelled rows of a real log become a data set, checked by Great Expectations."""

import numpy as np
import pytest
from support.advice import refusal
from support.params import default_params

from digits.data.feedback import read_feedback
from digits.data.idx import format_idx
from digits.data.raw import FILES
from digits.monitoring.collect import collect
from digits.serving.log import ServedLog

pytestmark = pytest.mark.slow

PARAMS = default_params()


@pytest.fixture
def raw(tmp_path, mnist_sample):
    """Raw data with the sample's images, but for the last 20 of its test images."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for split, images, labels in (
        ("train", mnist_sample.x_train, mnist_sample.y_train),
        ("test", mnist_sample.x_test[:-20], mnist_sample.y_test[:-20]),
    ):
        for name, array in zip(FILES[split], (images, labels), strict=True):
            (folder / name).write_bytes(format_idx(array))
    return folder


@pytest.fixture
def new(mnist_sample):
    """Images that the raw data do not have."""
    return mnist_sample.x_test[-20:]


@pytest.fixture
def log(tmp_path):
    return ServedLog(tmp_path / "served", "draw")


def serve(log, images):
    """Log images; returns the ids of the rows. The model says 1 to all of them."""
    chances = np.tile(np.float32([0.25, 0.75] + 8 * [0]), (len(images), 1))
    return log.add("ab" * 32, "7", images, chances, [True] * len(images), 1.0)


def collected(log, raw, params=PARAMS):
    log.close()
    return collect(log.folder, raw.parent / "feedback", raw, params)


def test_labelled_images_are_taken_with_who_said_it(log, raw, new):
    ids = serve(log, new)
    for number, row in enumerate(ids[:12]):
        log.label(row, number % 10, "ada")
    outcome = collected(log, raw)
    assert outcome.is_new and (outcome.added, outcome.relabelled, outcome.left_out) == (12, 0, {})
    assert sum(outcome.counts.values()) == 12
    table = read_feedback(raw.parent / "feedback", 28).table.set_index("id")
    assert table.loc[ids[:12], "label"].tolist() == [number % 10 for number in range(12)]
    assert set(table["who"]) == {"ada"} and set(table["read"]) == {1} and set(table["probability"]) == {0.75}


def test_what_cannot_be_learned_from_is_left_out_and_counted(log, raw, new, mnist_sample):
    blank = np.zeros((1, 28, 28), np.uint8)
    served = [new[:1], new[:1], new[1:2], mnist_sample.x_train[:1], mnist_sample.x_test[:1], blank, new[2:3], new[3:4]]
    ids = [row for images in served for row in serve(log, images)]
    small = log.add("ab" * 32, "7", new[4:5, :20, :20], np.float32([[1.0] + 9 * [0]]), [True], 1.0)
    for row, label in zip(
        [*ids, *small, "of a file that was dropped"], [3, 5, None, 1, 1, 1, 12, 4, 0, 6], strict=True
    ):
        log.label(row, label, "ada")
    outcome = collected(log, raw)
    assert outcome.added == 1
    assert outcome.left_out == {
        "no digit": 1,
        "a label beyond 9": 1,
        "not 28×28 pixels": 1,
        "not in the log any more": 1,
        "labelled in different ways": 1,
        "in the raw data as well": 2,
        "failing an expectation of `validate`": 1,
    }


def test_collecting_again_adds_and_relabels_and_never_moves_an_image(log, raw, new):
    ids = serve(log, new)
    for row in ids[:6]:
        log.label(row, 2, "ada")
    first = collected(log, raw)
    folder = raw.parent / "feedback"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert not collect(log.folder, folder, raw, PARAMS).is_new
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    again = ServedLog(log.folder, "draw")
    again.label(ids[0], 7, "eve")
    again.label(ids[6], 3, "eve")
    outcome = collected(again, raw)
    assert (outcome.added, outcome.relabelled) == (1, 1)
    table = read_feedback(folder, 28).table.set_index("id")
    assert table.loc[[ids[0], ids[1], ids[6]], "label"].tolist() == [7, 2, 3] and table.loc[ids[0], "who"] == "eve"
    assert sum(outcome.counts.values()) == sum(first.counts.values()) + 1
    # The log may drop what was collected.
    for path in log.folder.glob("*.rows.*"):
        path.unlink()
    assert not collect(log.folder, folder, raw, PARAMS).is_new


def test_what_people_took_back_leaves_the_data_set(log, raw, new):
    ids = serve(log, np.concatenate([new[:5], new[3:4]]))
    for row in ids[:5]:
        log.label(row, 2, "ada")
    collected(log, raw)
    again = ServedLog(log.folder, "draw")
    again.label_at_once(ids[0], None, "ada", "drawn", withdrawn=True)
    again.label(ids[1], None, "ada")
    again.label(ids[2], 4, "ada")
    # Row 5 shows the image of row 3.
    again.label(ids[5], 8, "eve")
    outcome = collected(again, raw)
    assert (outcome.added, outcome.relabelled, outcome.removed) == (0, 1, 3) and outcome.is_new
    table = read_feedback(raw.parent / "feedback", 28).table.set_index("id")
    assert table["label"].to_dict() == {ids[2]: 4, ids[4]: 2}
    assert not collect(log.folder, raw.parent / "feedback", raw, PARAMS).is_new


def test_transposed_raw_data_are_recognised(log, raw, new):
    params = PARAMS.model_copy(update={"preprocess": PARAMS.preprocess.model_copy(update={"transpose": True})})
    images, _ = FILES["train"]
    (raw / images).write_bytes(format_idx(np.ascontiguousarray(new[:1].transpose(0, 2, 1))))
    (raw / FILES["train"][1]).write_bytes(format_idx(np.uint8([1])))
    (row,) = serve(log, new[:1])
    log.label(row, 1, "ada")
    assert collected(log, raw, params).left_out == {"in the raw data as well": 1}


def test_an_empty_log_gives_nothing(log, raw, tmp_path):
    outcome = collected(log, raw)
    assert not outcome.is_new and outcome.counts == {"train": 0, "test": 0}
    assert not (raw.parent / "feedback").exists()
    assert refusal(collect, tmp_path / "none", tmp_path / "f", raw, PARAMS).startswith(
        f"{tmp_path / 'none'}: there is no"
    )

"""What the process of a shadow reads, and what it logs."""

from multiprocessing import Pipe
from types import SimpleNamespace

import numpy as np
import pytest
from support.served import SIDE, chances, images, rows

from digits.serving.follow import Live
from digits.serving.log import ServedLog
from digits.serving.shadow_reader import Batch, Facts, Reader, Reply, misfit, read_on

SERVED = Facts("digits version 1", "aa", SIDE, ("a", "b", "c"))
SHADOW = Facts("digits version 2", "bb", SIDE, ("a", "b", "c"))
BATCH = Batch(SERVED, ["1", "2", "3"], images(3), chances(3))


def model(facts=SHADOW, answer=lambda pixels, batch_size: chances(3, 2)):
    """A loaded model that gives these answers."""
    return SimpleNamespace(
        facts=facts, classify=answer, number="2", not_sure_below=0.5, sha256=facts.sha256, title=facts.title
    )


@pytest.fixture
def log(tmp_path):
    opened = ServedLog(tmp_path, "serve")
    yield opened
    opened.close()


def reader_of(log, *models):
    """A reader, and the list of its models: the last one counts."""
    found = list(models)
    live = Live(lambda: found[-1], lambda one: one, "shadowed by")
    return Reader(live, log), live, found


def test_both_answers_are_logged_and_disagreements_counted(log):
    reply = reader_of(log, model())[0].read(BATCH)
    ours, theirs = chances(3, 2), chances(3)
    disagreed = ours.argmax(axis=1) != theirs.argmax(axis=1)
    assert reply == Reply(SHADOW, 3, disagreed.sum()) and 0 < disagreed.sum() < 3
    log.close()
    found = rows(log.folder, "shadows")
    assert [row["id"] for row in found] == BATCH.ids
    assert [row["digit"] != row["served_digit"] for row in found] == disagreed.tolist()
    np.testing.assert_array_equal(np.array([row["probabilities"] for row in found], np.float32), ours)
    assert [row["served_probability"] for row in found] == theirs.max(axis=1).tolist()
    assert [row["sure"] for row in found] == (ours.max(axis=1) >= 0.5).tolist()
    assert {(row["model_sha256"], row["model_version"], row["served_sha256"]) for row in found} == {("bb", "2", "aa")}


def test_a_model_that_raises_is_one_line_and_reads_on_when_it_is_replaced(log, capsys):
    def broken(pixels, batch_size):
        raise RuntimeError("no\nmemory")

    reader, live, found = reader_of(log, model(answer=broken))
    assert [reader.read(BATCH) for _ in range(3)] == [Reply(SHADOW, 0, 0)] * 3
    assert capsys.readouterr().err == "digits: the shadow digits version 2 does not read: RuntimeError: no memory\n"
    found.append(model(SHADOW._replace(sha256="cc")))
    assert live.refresh() and reader.read(BATCH).read == 3 and capsys.readouterr().err == ""


def test_a_model_that_does_not_fit_any_more_is_one_line(log, capsys):
    reader, live, found = reader_of(log, model())
    promoted = BATCH._replace(served=SHADOW)
    assert reader.read(promoted).read == reader.read(promoted).read == 0
    line = "digits: the shadow digits version 2 does not read: it is the model that is served\n"
    assert capsys.readouterr().err == line
    assert reader.read(BATCH).read == 3
    found.append(model(SHADOW._replace(sha256="cc", side=32)))
    assert live.refresh() and reader.read(BATCH).read == 0
    assert "it takes images of 32×32, digits version 1 those of 4×4" in capsys.readouterr().err


def test_what_a_shadow_must_have_in_common():
    assert misfit(SHADOW, SERVED) == ""
    other = SHADOW._replace(classes=tuple(map(str, range(12))))
    assert misfit(other, SERVED) == (
        "its classes are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more, those of digits version 1 a, b, c"
    )


@pytest.mark.parametrize("killed", [False, True])
def test_it_ends_with_the_server(log, killed):
    ours, theirs = Pipe()
    ours.send(BATCH)
    if killed:
        ours.close()
    else:
        ours.send(None)
    reader, *_ = reader_of(log, model())
    read_on(theirs, reader)
    assert len(log._waiting["shadows"]) == (0 if killed else 1)
    if not killed:
        assert ours.recv() == SHADOW and ours.recv().read == 3
        ours.close()
    theirs.close()

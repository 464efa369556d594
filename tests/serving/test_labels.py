"""Which label of a row counts, whoever said it and in which file it stands."""

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.served import add, rows

from digits.serving import log as module
from digits.serving.journal import finish_journals
from digits.serving.labels import read_labels
from digits.serving.log import ServedLog


@pytest.fixture
def log(tmp_path):
    opened = ServedLog(tmp_path / "log", "label")
    yield opened
    opened.close()


def said(folder, chosen=None):
    """The labels that count, without their times."""
    return {row: label[:3] for row, label in read_labels(folder, chosen).items()}


def test_the_last_one_in_time_counts_and_what_is_taken_back_does_not(log):
    first, second, third = add(log)
    other = ServedLog(log.folder, "label")
    log.label_at_once(first, 3, "eve", "least-sure")
    other.label_at_once(first, 5, "adam", "random")
    other.label_at_once(second, None, "adam", "random")
    log.label_at_once(third, 1, "eve", "least-sure")
    log.label_at_once(third, None, "eve", "least-sure", withdrawn=True)
    found = said(log.folder)
    assert found == {first: (5, "adam", "random"), second: (None, "adam", "random")}
    assert said(log.folder, "least-sure") == {first: (3, "eve", "least-sure")}
    # Each takes back their own.
    log.label_at_once(first, None, "eve", "least-sure", withdrawn=True)
    log.label_at_once(first, None, "eve", "least-sure", withdrawn=True)
    other.close()
    assert said(log.folder) == found and said(log.folder, "least-sure") == {}


def test_where_the_clock_is_set_back_the_last_one_that_was_said_counts(log, monkeypatch):
    (row, *_) = add(log)
    log.label_at_once(row, 3, "eve", "random")
    monkeypatch.setattr(module.time, "time", lambda: 1e9)
    log.label_at_once(row, 4, "eve", "random")
    assert read_labels(log.folder)[row].label == 4
    log.label_at_once(row, None, "eve", "random", withdrawn=True)
    assert read_labels(log.folder)[row].label == 3


def test_a_label_is_on_the_disk_when_the_call_returns(log):
    (row, *_) = add(log)
    log.label_at_once(row, 2, "eve", "random")
    (said,) = rows(log.folder, "labels")
    assert {"id": row, "label": 2, "who": "eve", "chosen": "random", "withdrawn": False}.items() <= said.items()


def test_labels_of_earlier_versions_are_read(log):
    (row, *_) = add(log)
    log.label(row, 4, "eve")
    log.close()
    (path,) = log.folder.glob("*.labels.*")
    earlier = pa.parquet.read_table(path).drop_columns(["chosen", "withdrawn"])
    pa.parquet.write_table(earlier, path)
    assert said(log.folder) == {row: (4, "eve", "drawn")}
    # So is the journal of a killed process.
    path.unlink()
    with path.with_suffix(".arrows").open("wb") as file, pa.ipc.new_stream(file, earlier.schema) as stream:
        stream.write_table(earlier)
    assert said(log.folder) == {row: (4, "eve", "drawn")}
    finish_journals(log.folder)
    assert path.is_file() and said(log.folder) == {row: (4, "eve", "drawn")}


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9) | st.none(), st.booleans()), max_size=20))
def test_one_person_can_take_back_everything_step_by_step(tmp_path_factory, acts):
    log = ServedLog(tmp_path_factory.mktemp("log"), "label")
    stacks = {}
    for row, label, back in acts:
        log.label_at_once(str(row), None if back else label, "eve", "random", withdrawn=back)
        stack = stacks.setdefault(str(row), [])
        if not back:
            stack.append(label)
        elif stack:
            stack.pop()
    found = read_labels(log.folder)
    log.close()
    assert {row: label.label for row, label in found.items()} == {row: s[-1] for row, s in stacks.items() if s}

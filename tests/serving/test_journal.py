"""Journals and Parquet files of a log, torn, left behind and damaged."""

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.advice import refusal
from support.served import add, names, rows, today

from digits.serving.journal import finish_journals
from digits.serving.log import ServedLog


@pytest.fixture
def log(tmp_path):
    opened = ServedLog(tmp_path / "log", "serve")
    yield opened
    opened.close()


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_journal_that_is_cut_anywhere_loses_its_end_only(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("log")
    log = ServedLog(folder, "serve")
    for seed in range(4):
        add(log, 2, seed)
        log._flush()
    (journal,) = folder.glob("*.arrows")
    content = journal.read_bytes()
    log.close()
    (whole,) = folder.iterdir()
    complete = rows(folder)
    whole.unlink()
    journal.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    cut = rows(folder)
    assert cut == complete[: len(cut)] and len(cut) % 2 == 0
    finish_journals(folder)
    assert rows(folder) == cut and names(folder) == ([f"{today()}.rows.parquet"] if cut else [])


def test_a_process_that_died_after_the_parquet_file_leaves_no_row_twice(log):
    add(log)
    log._flush()
    (journal,) = log.folder.glob("*.arrows")
    content = journal.read_bytes()
    log.close()
    journal.write_bytes(content)
    assert len(rows(log.folder)) == 3
    finish_journals(log.folder)
    assert len(rows(log.folder)) == 3 and names(log.folder) == [f"{today()}.rows.parquet"]


def test_what_cannot_be_written_or_read_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    assert refusal(ServedLog, tmp_path / "file", "serve").startswith(f"{tmp_path / 'file'}: cannot be written (")
    assert refusal(rows, tmp_path / "none").startswith(f"{tmp_path / 'none'}: there is no such folder; `digits serve")
    log = ServedLog(tmp_path / "log", "serve")
    add(log)
    log.close()
    (path,) = log.folder.iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    assert refusal(rows, log.folder).startswith(f"{path} is damaged (")
    pa.parquet.write_table(pa.table({"id": [1]}), path)
    assert refusal(rows, log.folder).startswith(f"{path} is damaged (")

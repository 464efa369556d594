import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.record import FOLDER, Record, read
from benchmarks.tables import MACHINE, PAGES, blocks, caption, cell, markdown, page
from digits.errors import DigitsError
from digits.files import write_json

RECORD = Record(
    benchmark="predict",
    command="python -m benchmarks predict",
    date="2026-11-25",
    commit="abc",
    machine={"cpu": "Some CPU", "cores": 2, "memory_gib": 24.0, "flags": ["AVX2"], "system": "Linux 6", "load": 0.1},
    versions={"python": "3.11.7", "numpy": "2.4.6"},
    tables={"shell": [{"what": "it", "seconds": 1.5}]},
)
PLACE = "before\n<!-- made by python -m benchmarks tables: predict {} -->\nold\n<!-- end -->\nafter\n"


def test_the_tables_of_the_page_are_current():
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        assert text == page(text), f"{path}: run `python -m benchmarks tables`"


def test_the_page_shows_every_table_of_every_record_and_says_how_it_was_measured():
    shown = [block for path in PAGES for block in blocks(path.read_text(encoding="utf-8"))]
    assert {name for name, _ in shown} <= BENCHMARKS.keys()
    assert {(name, MACHINE) for name, _ in shown} <= set(shown)
    for name in {path.stem for path in FOLDER.glob("*.json")} & {name for name, _ in shown}:
        assert {(name, table) for table in read(name).tables} <= set(shown)


def test_a_place_is_filled_from_the_record(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Not measured yet" in page(PLACE.format("shell"))
    write_json(FOLDER / "predict.json", RECORD.model_dump())
    table = "| what | seconds |\n| --- | ---: |\n| it | 1.5 |"
    assert page(PLACE.format("shell")) == PLACE.format("shell").replace("old", table)
    assert page(PLACE.format("machine")) == PLACE.format("machine").replace("old", caption(RECORD))
    assert page(page(PLACE.format("shell"))) == page(PLACE.format("shell"))
    with pytest.raises(DigitsError, match=r"predict\.json has no table other, only shell"):
        page(PLACE.format("other"))


def test_a_damaged_record_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_json(FOLDER / "predict.json", {"benchmark": "predict"})
    with pytest.raises(DigitsError, match=r"predict\.json cannot be read .*: `python -m benchmarks predict` makes"):
        page(PLACE.format("shell"))


def test_the_caption_says_what_hardware_and_which_versions():
    for text in (
        "python -m benchmarks predict",
        "2026-11-25",
        "abc",
        "Some CPU, 2 cores, 24.0 GiB (AVX2)",
        "numpy 2.4.6",
    ):
        assert text in caption(RECORD)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        ("words", "words"),
        (225034, "225,034"),
        (2520000.0, "2,520,000"),
        (0.052134, "0.05213"),
        ({"n": 5, "median": 12.345, "q1": 12.0, "q3": 13.0, "min": 11.0, "max": 14.0}, "12.35 (12 to 13)"),
        ({"n": 1, "median": 12.345, "q1": 12.345, "q3": 12.345, "min": 12.345, "max": 12.345}, "12.35"),
        ({"n": 5, "mean": 99.0412, "sd": 0.066, "low": 98.96, "high": 99.123}, "99.041 ± 0.066 (98.960 to 99.123)"),
        ({"n": 5, "mean": 0.5, "sd": 12.0, "low": -10.0, "high": 11.0}, "0 ± 12 (-10 to 11)"),
        ({"n": 1, "mean": 99.0412}, "99.04"),
    ],
)
def test_cells(value, text):
    assert cell(value) == text


def test_rows_may_lack_columns():
    rows = [{"what": "a", "seconds": 1}, {"what": "b", "memory": 2}]
    assert markdown(rows).splitlines()[2:] == ["| a | 1 | – |", "| b | – | 2 |"]

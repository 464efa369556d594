"""The outcome of the checks as metrics, as a line and as a table."""

from dataclasses import replace

from rich.console import Console
from support.scikit_digits import TEST, TRAIN

from digits.validation.summary import failure_line, failure_table, summary

NAMES = list("0123456789")


def summarise(outcome):
    tables, checks, _ = outcome
    return summary({table.name: table.frame for table in tables}, checks)


def test_metrics_of_good_data(passed):
    metrics = summarise(passed)
    assert (metrics["expectations"], metrics["failed"]) == (38, 0)
    assert "failures" not in metrics
    assert (metrics["train"]["images"], metrics["test"]["images"]) == (TRAIN, TEST)
    assert metrics["test"]["max"] == {"lowest": 224.0, "mean": 254.6196, "highest": 255.0}
    assert metrics["train"]["agreement"] > 0.9 and metrics["train"]["class_deviation"] < 0.01
    assert (metrics["train"]["duplicates"], metrics["test"]["leaks"]) == (0, 0)
    assert "leaks" not in metrics["train"]


def test_metrics_name_what_failed(failed):
    metrics = summarise(failed)
    assert metrics["failed"] == len(metrics["failures"]) == 6
    assert metrics["failures"][1] == {
        "expectation": "train images: brightest pixel",
        "observed": "0",
        "allowed": "200 … 255",
        "unexpected": 2,
        "first_rows": [7, 9],
    }
    assert metrics["train"]["duplicates"] == 2
    # Blank images have no centre of mass.
    assert metrics["train"]["max"]["lowest"] == 0 and metrics["train"]["x"]["lowest"] > 9


def test_the_line_names_the_first_failure(passed, failed):
    assert failure_line(passed[1], NAMES) is None
    assert failure_line(failed[1], NAMES) == (
        "6 of 38 expectations failed, first train images: duplicates: 2 with a twin, "
        "allowed none with a twin (row 7, 9)"
    )


def test_the_table_has_a_row_a_failure(failed):
    console = Console(width=140, record=True)
    console.print(failure_table(failed[1], NAMES))
    lines = [line for line in console.export_text().splitlines() if "│ train images" in line]
    assert len(lines) == 6
    row = next(line for line in lines if "mean ink" in line)
    cells = ["train images", "mean ink", "0", "25 … 90", "2", "row 7, 9"]
    assert [cell.strip() for cell in row.split("│")[1:-1]] == cells


def test_a_class_has_its_name(failed):
    check = replace(failed[1][0], key="class", rows=[9, 8], success=False, unexpected=2)
    names = [*NAMES[:8], "Bag", "Ankle boot"]
    assert failure_line([check], names).endswith("(class Ankle boot, Bag)")

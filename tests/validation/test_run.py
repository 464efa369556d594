"""The outcome of the expectations in words."""

from dataclasses import asdict

import pytest
from support.scikit_digits import section

from digits.validation.expectations import build_tables, great_expectations
from digits.validation.run import run_expectations


def named(checks):
    return {f"{check.table}: {check.expectation}": check for check in checks}


def test_good_data_passes(passed):
    _, checks, _ = passed
    assert all(check.success for check in checks)
    assert len({(check.table, check.expectation) for check in checks}) == len(checks) == 38
    by_name = named(checks)
    assert by_name["train images: number of images"].observed == "1,400"
    assert by_name["test images: brightest pixel"].observed == "224 … 255"
    assert by_name["train images: label"].allowed == by_name["train images: label"].observed == "0 … 9"
    assert by_name["test images: leaks"].observed == "none with a training twin"


def test_checks_come_in_the_order_of_the_expectations(failed):
    tables, checks, _ = failed
    expected = [(table.name, each.meta["name"]) for table in tables for each in table.expectations]
    assert [(check.table, check.expectation) for check in checks] == expected


def test_a_failed_check_says_what_was_found_what_is_allowed_and_where(failed):
    _, checks, _ = failed
    assert asdict(named(checks)["train images: brightest pixel"]) == {
        "table": "train images",
        "key": "row",
        "expectation": "brightest pixel",
        "observed": "0",
        "allowed": "200 … 255",
        "unexpected": 2,
        "rows": [7, 9],
        "success": False,
    }
    assert named(checks)["train images: duplicates"].observed == "2 with a twin"


def test_the_allowed_share_of_twins_is_named(data):
    checks = run_expectations(build_tables(data, section(max_leaks=0.01)))
    assert named(checks)["test images: leaks"].allowed == "at most 1.000% with a training twin"


def test_no_more_rows_are_listed_than_asked_for(copy):
    copy["train"].labels[:20] = 10
    check = named(run_expectations(build_tables(copy, section()), first=3))["train images: label"]
    assert check.unexpected == 20 and check.rows == [0, 1, 2]


def test_an_expectation_that_cannot_be_computed_is_an_error(data):
    tables = build_tables(data, section())
    gxe = great_expectations().expectations
    tables[0].expectations.append(gxe.ExpectColumnValuesToBeNull(column="absent", meta={"name": "absent"}))
    with pytest.raises(RuntimeError, match=r"files: expect_column_values_to_be_null of .* was not computed"):
        run_expectations(tables)

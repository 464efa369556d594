"""Templates in Markdown. That names mean nothing in them is tested with the texts that have some."""

import pytest
from jinja2 import UndefinedError
from support.run_report import FACTS

from digits.review.markdown import render


def test_a_value_that_a_template_lacks_is_an_error():
    with pytest.raises(UndefinedError, match="gates"):
        render("gates.md")


def test_gates_stand_in_one_table_wherever_they_are_shown():
    table = render("gates.md", gates=FACTS.standing.gates)
    assert table in render("report.md", r=FACTS, most=50)
    assert table.startswith("| Gate | Observed | Required | |\n|---|---|---|---|\n")

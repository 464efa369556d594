import io
import json

import pandas as pd
import pytest
from rich.console import Console
from support.models import ALL, BETTER, FIRST, changed

from digits.evaluation import comparison as comparison_module
from digits.evaluation.comparison import compare
from digits.evaluation.scores import METRICS, Metric
from digits.report import comparison_table
from digits.report.comparison_table import cells, duration, print_comparison, print_json, to_csv, to_json


def printed(comparison, width):
    console = Console(width=width, file=io.StringIO())
    print_comparison(comparison, console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 250])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_the_table_fits_the_terminal_and_loses_nothing(width, count):
    text = printed(compare(ALL[:count]), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for model in ALL[:count]:
        assert f" {model.name} " in text
    flat = " ".join(text.split())
    for fact in ["champion", "97.00", "1 min 40 s", *["better", "40 won", "funny-bird", "0.002"] * (count > 1)]:
        assert fact in flat
    assert ("comparisons (Holm)" in flat) == (count > 2)
    assert ("not compared" in flat) == (count > 4)


def test_long_and_odd_names_are_shown_whole():
    odd = changed(BETTER, name="[bold]a-run-name-that-dvc-or-a-person-made-very-long[/bold]")
    lines = printed(compare([odd, FIRST]), 80).splitlines()
    start = next(line.index("[bold]") for line in lines if "[bold]" in line)
    columns = [line[start : start + 18].strip() for line in lines]
    assert "".join(columns).startswith(odd.name)


def test_the_baseline_leads_every_table_that_does_not_fit():
    heads = [line.split() for line in printed(compare(ALL, baseline="worse"), 80).splitlines() if " model " in line]
    assert heads == [["model", "worse", "first", "better"], ["model", "worse", "alike", "elsewhere"]]


def test_json_holds_everything_and_csv_the_table(capsys):
    comparison = compare(ALL)
    print_json(comparison)
    read = json.loads(capsys.readouterr().out)
    assert read == to_json(comparison)
    assert [model["verdict"] for model in read["models"]] == [entry.verdict for entry in comparison.entries]
    assert read["correction"] == "holm"
    assert read["models"][1]["against_baseline"]["wins"] == 40
    assert read["models"][1]["metrics"] == BETTER.metrics
    assert read["models"][0]["against_baseline"] is None

    frame = pd.read_csv(io.StringIO(to_csv(comparison)), dtype=str, keep_default_na=False).set_index("name")
    assert frame.loc["better", ["wins", "losses", "verdict", "train.learning_rate"]].tolist() == [
        "40",
        "0",
        "better",
        "0.002",
    ]
    assert float(frame.loc["better", "difference_low"]) == comparison.entries[1].paired.low
    assert frame.loc["first", ["wins", "version", "train.batch_size"]].tolist() == ["", "1", ""]


def test_durations():
    assert [duration(s) for s in (None, 0.4, 59.6, 131.0, 4000.0)] == [
        "–",
        "0 s",
        "1 min 0 s",
        "2 min 11 s",
        "1 h 6 min",
    ]


def test_a_new_metric_has_a_column(monkeypatch):
    metric = Metric("speed", "speed in m/s", "Speed", ".1f", "m/s", higher_is_better=True, compute=lambda answers: 1.0)
    for module in (comparison_module, comparison_table):
        monkeypatch.setattr(module, "METRICS", (*METRICS, metric))
    # The first was scored before the metric existed.
    comparison = compare([FIRST, changed(BETTER, metrics=BETTER.metrics | {"speed": 2.04})])
    assert cells(comparison)["Test images"]["speed in m/s"] == ["–", "2.0"]
    frame = pd.read_csv(io.StringIO(to_csv(comparison)), dtype=str, keep_default_na=False)
    assert frame["speed"].tolist() == ["", "2.04"]

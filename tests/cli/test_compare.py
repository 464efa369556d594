"""`digits compare`: its formats, its page, and what it is given by MLproject."""

import csv
import io
import json
import shutil

import pytest
from support.decisions import assert_refused

from digits.tracking import artifacts


def test_two_formats_at_once_are_wrong_usage(digits):
    code, out, err = digits("compare", "--json", "--csv")
    assert code == 2 and out == "" and "one or the other" in err


@pytest.mark.slow
def test_the_formats_tell_the_same(store, digits):
    code, out, err = digits("compare", "champion", "2", "--json")
    assert code == 0, err
    report = json.loads(out)
    assert report["baseline"] == "champion" and report["differing_params"] == ["train.epochs"]
    first, second = report["models"]
    assert first["labels"]["version"] == "1" and first["labels"]["aliases"] == "champion"
    assert first["verdict"] == "baseline" and second["verdict"] == "worse"
    wins, losses = (second["against_baseline"][key] for key in ("wins", "losses"))
    gained = second["metrics"]["accuracy"] - first["metrics"]["accuracy"]
    assert (wins - losses) / first["metrics"]["n"] == pytest.approx(gained)

    code, out, _ = digits("compare", "champion", "2", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and [row["name"] for row in rows] == ["champion", "2"]
    assert [row["verdict"] for row in rows] == ["baseline", "worse"]
    assert [float(row["accuracy"]) for row in rows] == [model["metrics"]["accuracy"] for model in report["models"]]
    assert [row["train.epochs"] for row in rows] == ["2", "1"]

    code, out, _ = digits("compare", "champion", "2")
    assert code == 0 and "worse" in out and f"{100 * first['metrics']['accuracy']:.2f}" in out


@pytest.mark.slow
def test_baseline_and_order_can_be_chosen(store, digits):
    report = json.loads(digits("compare", "2", "1", "--baseline", "1", "--sort", "accuracy", "--json")[1])
    assert report["baseline"] == "1" and [model["name"] for model in report["models"]] == ["1", "2"]
    assert report["models"][1]["verdict"] == "worse"
    assert_refused(digits("compare", "1", "2", "--baseline", "3"), "3")
    assert_refused(digits("compare", "1", "2", "--sort", "beauty"), "beauty")


@pytest.mark.slow
def test_a_name_that_was_left_out_is_none(store, digits):
    """MLproject gives an empty name for each parameter that was not given."""
    named = json.loads(digits("compare", "1", "2", "--json")[1])
    assert json.loads(digits("compare", "1", "2", "", "--baseline", "", "--html", "", "--json")[1]) == named
    alone = json.loads(digits("compare", "", "", "--json")[1])
    assert alone == json.loads(digits("compare", "--json")[1]) and len(alone["models"]) == 3


@pytest.mark.slow
def test_the_page_is_written_beside_the_table(store, digits, tmp_path):
    def page(path):
        code, out, err = digits("compare", "1", "2", "--html", str(path), "--json")
        assert code == 0 and err == f"digits: wrote {path}\n" and json.loads(out)["baseline"] == "1"
        return path.read_text(encoding="utf-8")

    # The images of data/processed are not those that 1 and 2 were measured on.
    without = page(tmp_path / "new" / "without.html")
    assert without.startswith("<!DOCTYPE html>") and "data:image/png" not in without
    shutil.rmtree("data/processed")
    shutil.copytree(store.first_processed, "data/processed")
    assert page(tmp_path / "with.html").count("data:image/png") > 10


@pytest.mark.slow
def test_a_run_that_was_never_evaluated_is_refused(store, digits):
    experiment = store.client.get_experiment_by_name("digits").experiment_id
    store.client.create_run(experiment, run_name="half", tags={artifacts.MODEL_SHA256: "x"})
    assert_refused(digits("compare", "1", "half"), "half has no ", "was ")

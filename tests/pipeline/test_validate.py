"""Stage validate, as DVC starts it, on scikit-learn's digits: another data set by a change of parameters alone."""

import json
import os
import shlex
import subprocess
import sys

import pytest
from ruamel.yaml import YAML
from support.params import raw_params
from support.project import ROOT, copy_code
from support.scikit_digits import SECTION, TEST, TRAIN, read_digits, with_twin_blanks, write_raw

pytestmark = pytest.mark.slow


def write(folder, splits):
    """The code, data/raw and params.yaml, as the stage finds them."""
    if not (folder / "stages").is_dir():
        copy_code(folder)
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(raw_params() | {"validate": SECTION}, file)
    write_raw(folder / "data" / "raw", splits)


def stage(folder):
    """Run the command of dvc.yaml."""
    command = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]["validate"]["cmd"]
    python, *words = shlex.split(command)
    assert python == "python"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "140"}
    return subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def data():
    return read_digits()


@pytest.fixture(scope="module")
def passed(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("passed")
    write(folder, data)
    result = stage(folder)
    assert result.returncode == 0, result.stderr
    return folder, result


@pytest.fixture(scope="module")
def failed(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("failed")
    write(folder, with_twin_blanks(data))
    return folder, stage(folder)


def test_the_stage_writes_its_report_and_nothing_else(passed):
    folder, result = passed
    assert result.stdout == "validate: all 38 expectations hold, see reports/validation/validation.png\n"
    assert result.stderr == ""
    assert {p.name for p in (folder / "reports/validation").iterdir()} == {
        "validation.json",
        "validation.png",
        "data_docs",
    }
    metrics = json.loads((folder / "reports/validation/validation.json").read_text())
    assert (metrics["expectations"], metrics["failed"]) == (38, 0)
    assert "failures" not in metrics
    assert (metrics["train"]["images"], metrics["test"]["images"]) == (TRAIN, TEST)
    assert metrics["test"]["max"] == {"lowest": 224.0, "mean": 254.6196, "highest": 255.0}


def test_a_second_run_gives_the_same_bytes(passed):
    folder, _ = passed
    outs = [folder / "reports/validation" / name for name in ("validation.json", "validation.png")]
    before = [path.read_bytes() for path in outs]
    assert stage(folder).returncode == 0
    assert [path.read_bytes() for path in outs] == before


def test_a_failure_stops_with_a_table_and_one_line(failed):
    _, result = failed
    assert (result.returncode, result.stdout) == (1, "")
    *table, line = result.stderr.splitlines()
    assert line == (
        "validate: 6 of 38 expectations failed, first train images: duplicates: 2 with a twin, "
        "allowed none with a twin (row 7, 9); see reports/validation/data_docs/index.html"
    )
    row = next(text for text in table if "mean ink" in text)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == [
        "train images",
        "mean ink",
        "0",
        "25 … 90",
        "2",
        "row 7, 9",
    ]


def test_what_a_failure_leaves_does_not_look_like_a_pass(failed, passed):
    report = failed[0] / "reports/validation"
    metrics = json.loads((report / "validation.json").read_text())
    assert metrics["failed"] == len(metrics["failures"]) == 6
    assert metrics["failures"][1] == {
        "expectation": "train images: brightest pixel",
        "observed": "0",
        "allowed": "200 … 255",
        "unexpected": 2,
        "first_rows": [7, 9],
    }
    index = (report / "data_docs/index.html").read_text()
    assert "6 of 38 expectations failed" in index
    assert index.count('<tr class="failed">') == 6
    assert (report / "validation.png").read_bytes() != (passed[0] / "reports/validation/validation.png").read_bytes()


def test_data_that_cannot_be_read_leaves_no_report(data, tmp_path):
    write(tmp_path, data)
    (tmp_path / "reports/validation").mkdir(parents=True)
    (tmp_path / "reports/validation/validation.json").write_text("{}")
    labels = tmp_path / "data/raw/t10k-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-3])
    result = stage(tmp_path)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("validate: data/raw/t10k-labels-idx1-ubyte: 402 bytes, but its header (397,) needs")
    assert not (tmp_path / "reports/validation").exists()

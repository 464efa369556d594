"""`digits audit` on the sample, with labels that were made wrong on purpose."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.decisions import assert_refused
from support.project import copy_code
from support.sample import read_sample

from digits.data.idx import format_idx
from digits.data.raw import RAW_NAMES

WRONG = [3, 141, 592]
RECIPE = """
train:
  model: {filters: [16], conv_dropout: 0.0, dense_units: 64, dense_dropout: 0.0}
  learning_rate: 0.002
  batch_size: 20
  epochs: 8
  stop: {threshold: 1.0}
  threads: 1
"""


@pytest.fixture
def project(tmp_path):
    """The code and the sample, with a recipe that learns from few images."""
    project = copy_code(tmp_path)
    sample = read_sample()
    labels = sample.y_train.copy()
    labels[WRONG] = (labels[WRONG] + 5) % 10
    (tmp_path / "data/raw").mkdir()
    for name, array in zip(RAW_NAMES.values(), (sample.x_train, labels, sample.x_test, sample.y_test), strict=True):
        (tmp_path / "data/raw" / name).write_bytes(format_idx(array))
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/fast.yaml").write_text(RECIPE)
    return project


@pytest.mark.slow
def test_wrong_labels_are_found_and_nothing_is_relabelled(project, small_model):
    (project.folder / "models").mkdir()
    for file in (small_model, small_model.with_name("model.tflite")):
        shutil.copy(file, project.folder / "models")
    before = {path: path.read_bytes() for path in project.folder.rglob("data/raw/*")}
    done = project.run("digits", "audit", "--folds", "2", "--json")
    found = json.loads(done.stdout)
    # Networks that learned from 500 images doubt others, too.
    first = found["doubts"]["train"][:30]
    assert set(WRONG) <= {one["row"] for one in first}
    assert found["accuracies"]["model"]["doubtful"]["n"] == 400 - len(found["doubts"]["test"])
    assert {path: path.read_bytes() for path in before} == before
    page = project.read("reports/audit.html")
    assert "row 141" in page and "Nothing was relabelled" in page
    assert re.search(r"^audit: fold 2 of 2: \d+\.\d+% right$", done.stderr, re.MULTILINE)
    assert done.stderr.endswith("digits: wrote reports/audit.html\n")


def test_what_is_lacking_is_said_before_any_training(project, digits, monkeypatch):
    monkeypatch.chdir(project.folder)
    assert_refused(digits("audit", "--folds", "100"), "has 98 training images, too few for 100 folds: give --folds 98")
    (project.folder / "models").mkdir()
    Path("models/model.keras").write_bytes(b"")
    assert_refused(digits("audit"), "models/model.tflite is missing")
    Path("recipes/fast.yaml").unlink()
    assert_refused(digits("audit"), "no recipe is called 'fast'")
    Path("data/raw", RAW_NAMES["test_labels"]).write_bytes(format_idx(np.zeros(3, np.uint8)))
    shutil.copy(Path(__file__).parents[2] / "recipes" / "fast.yaml", "recipes")
    assert_refused(digits("audit"), "3 labels for the 400 images")
    assert digits("audit", "--folds", "1")[0] == 2
    assert not Path("reports/audit.html").exists()

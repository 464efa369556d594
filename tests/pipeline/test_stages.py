"""What every stage refuses, in one line, before anything runs."""

import shutil
import sys
from pathlib import Path

import pytest
from support.long import long_after
from support.pipeline import STAGES, assert_one_line
from support.project import Project, change
from support.sample import sample_hashes

from digits.data.raw import RAW_NAMES

pytestmark = pytest.mark.slow

NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize("stage", long_after(3, STAGES))
def test_every_stage_refuses_a_misspelt_key(mend, stage):
    change(mend.folder / "params.yaml", {"train.epoch": 3})
    done = mend.run("python", "-m", "stages", stage, check=False)
    assert_one_line(done, stage, "params.yaml: unknown key train.epoch, did you mean train.epochs?")


def test_an_ill_typed_value_is_refused_before_anything_runs(mend):
    change(mend.folder / "params.yaml", {"train.epochs": "three"})
    done = mend.run("python", "-m", "stages", "train", check=False)
    assert_one_line(done, "train", "train.epochs = 'three': input should be a valid integer")
    assert done.stdout == ""


@pytest.mark.parametrize("key", ["trian", "trian.epochs"])
def test_a_misspelt_section_is_refused_before_anything_runs(mend, key):
    """No stage reads it, so only the stage that reads all of params.yaml can know."""
    section, _, rest = key.partition(".")
    change(mend.folder / "params.yaml", {section: {rest: 3} if rest else 3})
    done = mend.run("dvc", "repro", check=False)
    assert done.returncode != 0 and mend.stages_run(done) == ["params"]
    assert "params: params.yaml: unknown key trian, did you mean train?" in done.stderr.splitlines()


def test_from_a_folder_within_the_project_it_is_the_same(mend):
    within = Project(mend.folder / "reports")
    assert "is complete; version 1" in within.run("python", "-m", "digits.cli", "sync").stdout
    done = within.run("python", "-m", "digits.cli", "promote", "champion", check=False)
    assert_one_line(done, "digits", "version 1 is champion already")


def test_wrong_bytes_are_refused(mend):
    change(mend.folder / "params.yaml", {"fetch.files.test_labels.sha256": "0" * 64})
    done = mend.run("dvc", "repro", "fetch", check=False)
    assert done.returncode != 0
    # DVC took away what was there before, and brings it back.
    mend.run("dvc", "checkout", "fetch")
    assert sorted(path.name for path in (mend.folder / "data" / "raw").iterdir()) == sorted(RAW_NAMES.values())
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("fetch: ")]
    assert f"no file with the SHA-256 {'0' * 64} of fetch.files.test_labels" in line
    assert f"t10k-labels-idx1-ubyte.gz with {sample_hashes()['test_labels']}" in line and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("missing", "stage"),
    long_after(
        5,
        [
            ("data/raw", "validate"),
            ("data/processed", "train"),
            ("models/model.tflite", "evaluate"),
            ("reports/history.csv", "plot"),
            ("reports/metrics.json", "register"),
            ("data/raw", "preprocess"),
            ("data/processed", "perturb"),
            ("data/processed", "evaluate"),
            ("data/perturbed.npz", "evaluate"),
            ("data/processed", "plot"),
            ("models/model.keras", "evaluate"),
            ("models/model.keras", "register"),
        ],
    ),
)
def test_a_missing_dependency_is_named(mend, missing, stage):
    path = mend.folder / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = mend.run("python", "-m", "stages", stage, check=False)
    assert_one_line(done, stage, missing, "is missing: run `dvc repro")


@pytest.mark.parametrize(
    ("path", "size", "line"),
    [
        # The twin says whose it is. Its figures are never recorded as another file's.
        ("models/model.keras", 1000, "models/model.tflite is not the twin of models/model.keras: run `dvc repro`"),
        ("models/model.tflite", 1000, "models/model.tflite is not a LiteRT model: "),
        ("data/perturbed.npz", 1000, "data/perturbed.npz cannot be read"),
    ],
)
def test_a_damaged_file_is_named(mend, path, size, line):
    file = mend.folder / path
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data[:size])
    done = mend.run("python", "-m", "stages", "evaluate", check=False)
    assert_one_line(done, "evaluate", line)
    assert not (mend.folder / "reports" / "evaluation.json").exists()


def test_a_dead_tracking_server_is_known_before_training(mend):
    done = mend.run("python", "-m", "stages", "train", check=False, MLFLOW_TRACKING_URI=NOWHERE)
    assert_one_line(done, "train", f"the MLflow store {NOWHERE} does not answer", "MLFLOW_TRACKING_URI")
    assert "Epoch" not in done.stdout
    done = mend.run("python", "-m", "digits.cli", "sync", check=False, MLFLOW_TRACKING_URI=NOWHERE)
    assert_one_line(done, "digits", NOWHERE)


def test_a_name_that_is_taken_is_refused(mend, client_of, tmp_path):
    store = f"sqlite:///{tmp_path / 'taken.db'}"
    client_of(store).create_registered_model("digits")
    line = "'digits' was not made by this project: set another register.model_name"
    done = mend.run("python", "-m", "stages", "register", check=False, MLFLOW_TRACKING_URI=store)
    assert_one_line(done, "register", line)
    # The whole pipeline would fail at its end: it does not begin.
    done = mend.run("python", "-m", "digits.cli", "repro", check=False, MLFLOW_TRACKING_URI=store)
    assert_one_line(done, "digits", line)
    assert done.stdout == ""


def test_another_python_is_refused(mend):
    """As `.venv/bin/dvc repro` would be, without the environment activated."""
    (mend.folder / ".venv").mkdir()
    try:
        done = mend.run(sys.executable, "-m", "stages", "fetch", check=False, VIRTUAL_ENV="", CONDA_PREFIX="")
    finally:
        (mend.folder / ".venv").rmdir()
    assert_one_line(done, "digits", "run `source .venv/bin/activate` first, or `make repro`")
    assert Path(sys.executable).name in done.stderr

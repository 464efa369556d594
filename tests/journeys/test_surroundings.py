"""A shell and a home folder full of other projects' settings: the same model, the same record, the same answers."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support.long import long_after
from support.pipeline import runs_of
from support.project import environment
from support.variables import hostile, of_keras_and_tensorflow, of_mlflow

from digits.files import sha256_file

pytestmark = pytest.mark.slow

KEPT_BY_MLFLOW = (
    "TRACKING",
    "REGISTRY_URI",
    "RUN_ID",
    "HTTP",
    "SERVER",
    "AUTH",
    "S3",
    "WORKSPACE",
    "SQLALCHEMY",
    "DFS",
)


@pytest.fixture
def shell(tmp_path):
    """Harmful values for every variable that the libraries read, and a home folder with settings of theirs."""
    home = tmp_path / "home"
    (home / ".keras").mkdir(parents=True)
    settings = {"floatx": "float64", "epsilon": 1.0, "backend": "jax", "image_data_format": "channels_first"}
    (home / ".keras" / "keras.json").write_text(json.dumps(settings))
    (home / ".config" / "matplotlib").mkdir(parents=True)
    (home / ".config" / "matplotlib" / "matplotlibrc").write_text("figure.dpi: 1\nfont.size: 99\n")
    mlflow = {name for name in of_mlflow() if not any(word in name for word in KEPT_BY_MLFLOW)}
    others = {
        "HOME": str(home),
        "PYTHONWARNINGS": "error",
        "MPLBACKEND": "nonsense",
        "MATPLOTLIBRC": "/nonexistent",
        "GX_ANALYTICS_ENABLED": "maybe",
        "GX_CLOUD_MODE": "true",
        "PYTHONIOENCODING": "ascii",
        "COLUMNS": "20",
        "TZ": "Pacific/Apia",
    }
    return hostile(of_keras_and_tensorflow()) | hostile(mlflow) | others


@pytest.mark.long
def test_the_same_model_and_record_whatever_the_shell_says(project, client_of, shell):
    model = project.folder / "models" / "model.keras"
    before = sha256_file(model)
    (first,) = runs_of(client_of(project))
    model.unlink()
    done = project.run("python", "-m", "stages", "train", **shell)
    assert sha256_file(model) == before, done.stdout
    _, again = runs_of(client_of(project))
    assert again.data.params == first.data.params and again.data.tags["reproduction_of"] == first.info.run_id
    assert (
        again.data.tags["stopped_by"]
        == first.data.tags["stopped_by"]
        == "all 4 epochs done, accuracy never " + ("beyond the threshold")
    )
    metrics = json.loads(project.read("reports/metrics.json"))
    project.run("python", "-m", "stages", "evaluate", **shell)
    assert json.loads(project.read("reports/metrics.json")) == metrics
    # The other stages read no library's settings, either.
    for stage in ("validate", "plot"):
        project.run("python", "-m", "stages", stage, **shell)
    assert project.run("dvc", "status", "validate", "train", "evaluate", "plot").stdout.count("modified:") == 0


def test_predict_gives_the_same_answer_whatever_the_shell_says(project, shell, tmp_path):
    pixels = np.full((60, 60), 255, np.uint8)
    pixels[10:50, 28:33] = 0
    Image.fromarray(pixels).save(tmp_path / "one.png")
    command = ("python", "-m", "digits.cli", "predict", str(tmp_path / "one.png"), "--model", "models", "--json")
    assert project.run(*command, **shell).stdout == project.run(*command).stdout


@pytest.mark.parametrize("closed", long_after(1, ["<&- >&- 2>&-", "<&-", ">&-", "2>&-"]))
def test_closed_streams_are_as_if_they_led_nowhere(project, closed):
    """Some services start programs so."""
    commands = ["digits.cli lineage", *(["stages evaluate"] if "2>&-" in closed else [])]
    for command in (f"{sys.executable} -m {words}" for words in commands):
        done = subprocess.run(
            ["sh", "-c", f"{command} {closed}"], cwd=project.folder, env=environment(), check=False, capture_output=True
        )
        assert done.returncode == 0, (command, done.stderr)
        if closed == "<&-":
            assert done.stdout
    assert (project.folder / "reports" / "evaluation.json").is_file()


def test_a_home_folder_that_is_not_there_or_cannot_be_written(project, tmp_path):
    for home in (str(tmp_path / "absent"), "/proc"):
        project.run("python", "-m", "digits.cli", "lineage", HOME=home)

"""`digits repro` where it refuses before anything runs. That it runs is tested in tests/pipeline and tests/journeys."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.decisions import assert_refused
from support.params import FILE
from support.project import ROOT, change, environment
from support.repository import commit, run_git

# A stage that leaves a trace if it runs.
PIPELINE = """
stages:
  train:
    cmd: touch ran
    params: [train.epochs]
"""


@pytest.fixture
def project(repository, client):
    """A store, and a repository with valid parameters and a pipeline."""
    Path("params.yaml").write_bytes(FILE.read_bytes())
    Path("dvc.yaml").write_text(PIPELINE)
    commit("pipeline")
    yield repository
    assert not (repository / "ran").exists() and run_git("for-each-ref", "refs/exps") == ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["train.epoch=3"], "params.yaml: unknown key train.epoch, did you mean train.epochs?"),
        (["train.epochs=3", "train.learnin_rate=1"], "did you mean train.learning_rate?"),
        (["train.epochs=0"], "params.yaml: train.epochs = 0: input should be greater than or equal to 1"),
        (["train.epochs"], "--set train.epochs: write section.key=value"),
        (["train.epochs=[3"], "--set train.epochs=[3: '[3' is not a YAML value"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_runs(project, digits, settings, words):
    assert_refused(digits("repro", *(word for setting in settings for word in ("--set", setting))), words)
    assert Path("params.yaml").read_bytes() == FILE.read_bytes()


@pytest.mark.slow
def test_wrong_parameters_are_refused_before_a_store_is_made(project, digits, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    change(Path("params.yaml"), {"train.epochs": 0})
    assert_refused(digits("repro"), "params.yaml: train.epochs = 0: ")
    assert not Path("mlflow.db").exists()


def test_a_store_that_does_not_answer_is_known_before_anything_runs(project, digits, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/absent/mlflow.db")
    assert_refused(digits("repro"), "absent/mlflow.db cannot be written")


def test_a_name_that_belongs_to_somebody_else_is_known_before_anything_runs(project, client, digits):
    client.create_registered_model("digits")
    assert_refused(digits("repro"), "'digits' was not made by this project: set another register.model_name")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--recipe", "fsat"], "no recipe is called 'fsat', did you mean fast? there are broken, fast, seed"),
        (["--recipe", "broken"], "recipes/broken.yaml: train.epochs = 0: "),
        (["--recipe", "fast", "--set", "train.epochs=0"], "params.yaml: train.epochs = 0: "),
        (["--recipe", "fast", "--queue", "--set", "train.epoch=1"], "unknown key train.epoch, did you mean"),
    ],
)
def test_a_wrong_recipe_is_refused_before_anything_runs(project, digits, words, message):
    Path("recipes").mkdir()
    for name, epochs in (("seed", 15), ("fast", 1), ("broken", 0)):
        Path(f"recipes/{name}.yaml").write_text(f"train: {{epochs: {epochs}}}\n")
    assert_refused(digits("repro", *words), message)
    assert Path("params.yaml").read_bytes() == FILE.read_bytes()


@pytest.mark.parametrize("command", ["repro", "sweep"])
def test_the_help_lists_the_recipes(command):
    names = sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))
    shown = subprocess.run(
        [sys.executable, "-m", "digits.cli", command, "--help"],
        capture_output=True,
        text=True,
        env=environment(COLUMNS="200", TERM="dumb"),
        cwd=ROOT,
    )
    assert ", ".join(names) in shown.stdout

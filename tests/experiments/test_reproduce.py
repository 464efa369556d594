"""Running a pipeline with the real DVC: as it is, or with changed parameters."""

from pathlib import Path

import pytest
from support.params import FILE
from support.project import Project
from support.repository import commit, run_git

from digits import dvc
from digits.errors import DigitsError
from digits.experiments.reproduce import UNCHANGED, reproduce
from digits.params import load_params

PIPELINE = """
stages:
  train:
    cmd: grep epochs params.yaml > epochs.txt
    params: [train.epochs]
    outs: [epochs.txt]
"""


@pytest.fixture
def project(repository):
    """A pipeline of one stage, which writes down the number of epochs."""
    Path("params.yaml").write_bytes(FILE.read_bytes())
    Path("dvc.yaml").write_text(PIPELINE)
    Path("dvc.lock").unlink()
    Project(repository).run("dvc", "init", "-q")
    commit("pipeline")
    return repository


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["train.epoch=3"], "unknown key train.epoch, did you mean train.epochs?"),
        (["train.epochs=3", "train.batch_size=0"], "train.batch_size = 0: "),
        (["train.epochs"], "--set train.epochs: write section.key=value"),
        (["train.epochs.most=3"], "epochs is a value, not a section"),
    ],
)
def test_a_wrong_setting_is_refused_and_params_yaml_is_untouched(repository, settings, words):
    Path("params.yaml").write_bytes(FILE.read_bytes())
    Path("dvc.yaml").write_text(PIPELINE)
    with pytest.raises(DigitsError) as refused:
        reproduce(settings)
    assert words in str(refused.value)
    assert Path("params.yaml").read_bytes() == FILE.read_bytes() and not Path("epochs.txt").exists()


@pytest.mark.slow
def test_what_mlproject_passes_for_nothing_changes_nothing(project):
    reproduce([f"train.epochs={UNCHANGED}", f"train.learning_rate={UNCHANGED}"])
    assert "epochs: 15" in Path("epochs.txt").read_text()
    assert Path("params.yaml").read_bytes() == FILE.read_bytes() and dvc.experiments() == []
    assert dvc.locked_params(["train"]) == {"train.epochs": 15}


@pytest.mark.slow
def test_a_changed_parameter_makes_an_experiment(project):
    reproduce(["train.epochs=3", f"train.learning_rate={UNCHANGED}", "train.model.filters=[8, 16]"])
    assert "epochs: 3" in Path("epochs.txt").read_text()
    params = load_params().train
    assert (params.epochs, params.model.filters, params.learning_rate) == (3, [8, 16], 0.001)
    (experiment,) = dvc.experiments()
    assert experiment.baseline == run_git("rev-parse", "HEAD")


@pytest.mark.slow
def test_a_stage_that_fails_is_named_by_dvc(project, capfd):
    Path("dvc.yaml").write_text(PIPELINE.replace("grep epochs", "false"))
    with pytest.raises(DigitsError, match=r"^dvc repro failed, see above$"):
        reproduce([])
    assert "failed to reproduce 'train'" in capfd.readouterr().err

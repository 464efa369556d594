"""Running a pipeline with the real DVC: as it is, or with changed parameters."""

import shutil
from pathlib import Path

import pytest
from support.advice import follow, refusal
from support.params import FILE
from support.project import Project, change
from support.repository import commit, run_git

from digits import dvc
from digits.errors import DigitsError
from digits.experiments.reproduce import UNCHANGED, check, enqueue, reproduce, with_recipe
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


# --- What is refused before the pipeline runs, and before a store is made ---------------------------------------------


@pytest.fixture
def checked(repository, monkeypatch):
    """A committed project with real parameters, the current folder."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(repository.parent))
    shutil.copy(FILE, "params.yaml")
    Path("dvc.yaml").write_text("stages: {a: {cmd: true}}\n")
    (repository / ".dvc").mkdir()
    commit("parameters")
    return repository


def test_a_good_project_is_not_refused(checked):
    for settings in ([], ["train.epochs=3"], ["train.epochs=unchanged"]):
        check(settings)


def test_an_archive_without_a_repository_is_refused_and_the_way_out_works(checked, digits):
    shutil.rmtree(".git")
    message = refusal(check, [])
    assert message.startswith("DVC needs a git repository, and a downloaded archive has none: ")
    assert digits("repro") == (1, "", f"digits: {message}\n")
    # No store was made, and no folder for its locks.
    assert not Path("mlflow.db").exists() and not Path(".digits").exists()
    follow(message)
    check([])
    check(["train.epochs=3"])


def test_dvc_may_be_told_to_need_none(checked):
    shutil.rmtree(".git")
    Path(".dvc/config").write_text("[core]\n    no_scm = true\n")
    check([])
    assert "`dvc exp run` needs a git repository" in refusal(check, ["train.epochs=3"])


def test_without_the_program_git_the_pipeline_runs_but_no_experiment(checked, monkeypatch):
    monkeypatch.setenv("PATH", str(checked))
    check([])
    assert "`dvc exp run` needs git, which is not installed" in refusal(check, ["train.epochs=3"])


def test_a_wrong_setting_comes_first(checked):
    shutil.rmtree(".git")
    assert "unknown key train.epoch" in refusal(check, ["train.epoch=3"])


def test_a_torn_lock_is_known_before_the_store_is_made(checked, digits):
    Path("dvc.lock").write_text("<<<<<<< HEAD\n")
    code, out, err = digits("repro")
    assert (code, out) == (1, "") and err.startswith(
        "digits: dvc.lock has conflict markers of a git merge: `git checkout"
    )
    assert not Path("mlflow.db").exists()


# --- Recipes ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def cook(project):
    """The pipeline of one stage, with two recipes."""
    Path("recipes").mkdir()
    Path("recipes/seed.yaml").write_text("train: {epochs: 15, model: {filters: [32, 64]}, augment: {shift: 0}}\n")
    Path("recipes/short.yaml").write_text("train: {epochs: 2, model: {filters: [8, 16]}}\n")
    commit("recipes")
    return project


def test_a_recipe_comes_first_and_what_is_given_wins(cook):
    expected = ["recipe=short", "train.epochs=2", "train.model.filters=[8,16]"]
    assert with_recipe("short", []) == with_recipe("short", ["train.seed=unchanged"]) == expected
    given = ["train.epochs=3", "train.seed=1"]
    assert with_recipe("short", given) == ["recipe=short", "train.model.filters=[8,16]", *given]
    assert with_recipe("", given) == given
    # What params.yaml says already is not set again.
    assert with_recipe("seed", []) == []


def test_a_recipe_undoes_what_the_one_before_set(cook):
    change(Path("params.yaml"), {"recipe": "other", "train.augment.shift": 2, "train.epochs": 2})
    assert with_recipe("short", []) == ["recipe=short", "train.model.filters=[8,16]", "train.augment.shift=0"]
    assert with_recipe("seed", []) == ["recipe=seed", "train.epochs=15", "train.augment.shift=0"]


@pytest.mark.slow
def test_a_recipe_runs_and_the_way_back_makes_no_experiment_of_its_own(cook):
    reproduce(with_recipe("short", ["train.model.filters=[4, 4]"]))
    assert "epochs: 2" in Path("epochs.txt").read_text()
    params = load_params()
    assert (params.recipe, params.train.epochs, params.train.model.filters) == ("short", 2, [4, 4])
    reproduce(with_recipe("seed", []))
    assert "epochs: 15" in Path("epochs.txt").read_text() and load_params() == load_params(FILE)


@pytest.mark.slow
def test_a_recipe_is_queued_with_its_values(cook):
    enqueue(with_recipe("short", []))
    assert not Path("epochs.txt").exists() and Path("params.yaml").read_bytes() == FILE.read_bytes()
    queued = run_git("rev-list", "--walk-reflogs", "refs/exps/celery/stash").splitlines()
    text = run_git("show", f"{queued[0]}:params.yaml")
    assert len(queued) == 1 and "recipe: short" in text and "epochs: 2" in text


def test_what_the_queue_cannot_do_is_refused_before_anything_is_queued(cook):
    Path("digits").mkdir()
    Path("digits/split.py").touch()
    Path("stages").mkdir()
    Path("stages/train.py").write_text("import digits.split\n")
    message = refusal(enqueue, with_recipe("short", []))
    assert message.startswith("DVC's queue works in copies, which have only files that git tracks, not ")
    assert run_git("for-each-ref", "refs/exps") == ""

"""How settings become trainings, and where a sweep is refused before it trains."""

import shutil
from pathlib import Path

import pytest
from support.advice import follow, refusal
from support.params import FILE, raw_params
from support.repository import commit

from digits import dvc
from digits.errors import DigitsError
from digits.experiments.results import trials_of
from digits.experiments.sweep import expand, recipe_combinations, sweep


@pytest.fixture(scope="module")
def raw():
    return raw_params()


def test_settings_are_expanded_as_dvc_does(raw):
    assert expand(["train.learning_rate=0.001,0.002", "train.seed=range(1,3)", "train.model.filters=[8,16]"], raw) == [
        [f"train.learning_rate={rate}", f"train.seed={seed}", "train.model.filters=[8,16]"]
        for rate in ("0.001", "0.002")
        for seed in (1, 2)
    ]
    assert raw["train"]["learning_rate"] == 0.001


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.learnin_rate=1,2", "unknown key train.learnin_rate, did you mean train.learning_rate?"),
        ("train.epochs=1,x", "train.epochs = 'x': input should be a valid integer"),
        ("train.epochs", "-S train.epochs: "),
        ("train.model.filters=[1", "-S train.model.filters=[1: "),
        ("plot.dpi=100,200", "only train.… can vary"),
        ("preprocess.seed=1,2", "only train.… can vary"),
        ("train.seed=glob(*)", "-S train.seed=glob(*): Glob override"),
        ("train.model.filters=[64,64,64,64],[8]", "train.model: block 4 of 4"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(raw, setting, message):
    with pytest.raises(DigitsError) as refused:
        expand([setting], raw)
    assert message in str(refused.value) and "\n" not in str(refused.value)


# --- Before any training --------------------------------------------------------------------------------------------


@pytest.fixture
def project(repository):
    """A committed project with real parameters and a little code, the current folder."""
    shutil.copy(FILE, "params.yaml")
    write("digits/split.py")
    commit("parameters")
    return repository


@pytest.fixture
def commands(monkeypatch):
    """The commands that DVC would be given."""
    given = []
    monkeypatch.setattr(dvc, "run", lambda *words: given.append(words))
    return given


def write(name, text=""):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)


def try_sweep(settings=("train.epochs=1",), seeds=1):
    return refusal(sweep, "a", list(settings), seeds, 1)


def test_untracked_code_is_refused_and_the_way_out_works(project, commands):
    write("digits/new thing.py")
    write("digits/other.py")
    write("scratch.py")
    message = try_sweep()
    assert "not digits/new thing.py, digits/other.py: " in message and commands == []
    follow(message)
    assert "no training ended well" in try_sweep() and len(commands) == 2


def test_an_archive_without_a_repository_is_refused_and_the_way_out_works(project, commands, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    shutil.rmtree(".git")
    message = try_sweep()
    assert "a sweep needs a git repository" in message and message == refusal(trials_of, "a") and commands == []
    follow(message)
    assert "no training ended well" in try_sweep()


def test_without_git_a_sweep_and_its_table_say_so(project, commands, monkeypatch):
    monkeypatch.setenv("PATH", str(project))
    assert "a sweep needs git, which is not installed" in try_sweep()
    assert "a sweep needs git, which is not installed" in refusal(trials_of, "a")


@pytest.mark.parametrize(
    ("settings", "seeds", "name"),
    [(["train.epochs=1"], 0, "a"), (["train.epochs=1"], 1, "a-1"), (["train.epochs=1,2"], 0, "a-1")],
)
def test_where_all_fail_the_log_of_the_first_is_named(project, commands, settings, seeds, name):
    assert try_sweep(settings, seeds) == f"no training ended well: `dvc queue logs {name}` says why"


# --- Recipes ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def cook(project):
    """The project with two recipes, one of which keeps other validation images."""
    write("recipes/seed.yaml", "preprocess: {validation_split: 0.3}\ntrain: {epochs: 15, batch_size: 32}\n")
    write("recipes/short.yaml", "preprocess: {validation_split: 0.1}\ntrain: {epochs: 2, batch_size: 64}\n")
    commit("recipes")
    return project


def test_a_recipe_lies_under_each_combination_and_leaves_the_validation_images_alone(cook, raw):
    assert recipe_combinations("short", ["train.epochs=1,3"], raw) == [
        ["recipe=short", "train.batch_size=64", "train.epochs=1"],
        ["recipe=short", "train.batch_size=64", "train.epochs=3"],
    ]
    assert recipe_combinations("seed", [], raw) == [["recipe=seed", "train.epochs=15", "train.batch_size=32"]]
    assert "unknown key train.epoch" in refusal(recipe_combinations, "short", ["train.epoch=1"], raw)
    assert "no recipe is called 'shrt'" in refusal(recipe_combinations, "shrt", [], raw)


def test_every_training_of_several_recipes_has_its_own_number(cook, commands):
    message = refusal(sweep, "a", ["train.epochs=1"], 2, 1, ["seed", "short", "seed"])
    assert message == "no training ended well: `dvc queue logs a-1` says why"
    *queued, ran = commands
    words = [(call[4], [one for one in call if "=" in one]) for call in queued]
    assert words == [
        ("a-1", ["recipe=seed", "train.batch_size=32", "train.epochs=1", "train.seed=1"]),
        ("a-2", ["recipe=seed", "train.batch_size=32", "train.epochs=1", "train.seed=2"]),
        ("a-3", ["recipe=short", "train.batch_size=64", "train.epochs=1", "train.seed=1"]),
        ("a-4", ["recipe=short", "train.batch_size=64", "train.epochs=1", "train.seed=2"]),
    ]
    assert all(call[-1] == "train" for call in queued) and ran[:3] == ("exp", "run", "--run-all")

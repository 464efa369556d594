"""The recipes that there are, how they are laid over params.yaml, and what is refused in one line."""

import copy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from support.advice import follow, refusal
from support.params import raw_params
from support.project import ROOT
from support.repository import commit, run_git

from digits import paths
from digits.params import flatten, override, parse_params, recipe_settings, seed_settings, setting
from digits.params.recipes import SEED_RECIPE

NAMES = sorted(path.stem for path in (ROOT / paths.RECIPES).glob("*.yaml"))
DEFAULTS = flatten(raw_params())


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch):
    monkeypatch.chdir(ROOT)


def laid(raw, name):
    """Parameters with a recipe over them."""
    raw = copy.deepcopy(raw)
    for key, value in recipe_settings(name, raw).items():
        override(raw, setting(key, value))
    return raw


def content(name):
    return YAML(typ="safe").load(ROOT / paths.RECIPES / f"{name}.yaml")


def test_the_recipes_of_the_issue_are_there():
    assert {"seed", "fast", "mid", "best", "best-ensemble", "student"} <= set(NAMES) and paths.recipe_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_fits_the_schema(name):
    params = parse_params(laid(raw_params(), name))
    assert params.recipe == name
    assert {key: flatten(params)[key] for key in flatten(content(name))} == flatten(content(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_says_what_it_is_for_and_what_it_costs(name):
    first, second, *_ = (ROOT / paths.RECIPES / f"{name}.yaml").read_text().splitlines()
    assert first.startswith("# For: ") and second.startswith("# Costs: ")


@pytest.mark.parametrize("name", [name for name in NAMES if name != SEED_RECIPE])
def test_a_recipe_has_only_what_differs_from_the_defaults(name):
    same = [key for key, value in flatten(content(name)).items() if DEFAULTS[key] == value]
    assert same == []


def test_seed_is_the_defaults_of_what_other_recipes_set():
    changed = {key for name in NAMES if name != SEED_RECIPE for key in flatten(content(name))}
    assert flatten(content(SEED_RECIPE)) == {key: DEFAULTS[key] for key in DEFAULTS if key in changed}


def test_what_differs_from_the_defaults_is_told_by_seed(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    params = flatten(parse_params(raw_params()))
    assert all(params[key] == value for key, value in seed_settings().items()) and seed_settings()
    monkeypatch.chdir(tmp_path)
    assert seed_settings() == {}


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(NAMES), max_size=4))
def test_seed_over_any_recipes_gives_the_defaults(names):
    raw = raw_params()
    for name in names:
        raw = laid(raw, name)
    assert laid(raw, SEED_RECIPE) == raw_params()


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_what_a_recipe_gives_does_not_depend_on_the_one_before(before, name):
    assert laid(laid(raw_params(), before), name) == laid(raw_params(), name)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_builds_the_network_that_it_says(name):
    from digits.model.network import build_model

    params = parse_params(laid(raw_params(), name))
    # Of an ensemble every member is kept, of a student and its teachers the student.
    shape, copies = (
        (params.train.student, 1) if params.train.student.epochs else (params.train.model, params.train.members)
    )
    model = build_model(shape, len(params.preprocess.class_names), params.validate_.side)
    assert f"# Costs: {copies * model.count_params():,} weights," in (ROOT / paths.RECIPES / f"{name}.yaml").read_text()
    assert model.output_shape == (None, 10)


# --- What is refused ------------------------------------------------------------------------------------------------


@pytest.fixture
def project(repository):
    """A project with the recipes, the current folder."""
    Path("recipes").mkdir()
    for name in NAMES:
        write(name, (ROOT / "recipes" / f"{name}.yaml").read_text())
    return repository


def write(name, text):
    Path("recipes", f"{name}.yaml").write_text(text)


@pytest.mark.parametrize("name", ["fsat", "", "../params", "fast.yaml", "Fast", "a\nb"])
def test_an_unknown_recipe_lists_those_that_there_are(project, name):
    message = refusal(recipe_settings, name, raw_params())
    assert message.startswith(f"no recipe is called {name!r}") and message.endswith(
        "there are best, best-ensemble, fast, mid, seed, student"
    )
    assert ("did you mean fast?" in message) == (name in ("fsat", "fast.yaml", "Fast"))


def test_without_recipes_that_is_said(repository):
    assert refusal(recipe_settings, "fast", raw_params()).endswith("there is none in recipes/")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: {epoch: 3}", "unknown key train.epoch, did you mean train.epochs?"),
        ("train: {epochs: 0}", "train.epochs = 0: input should be greater than or equal to 1"),
        ("train: {epochs: '3'}", "train.epochs = '3': input should be a valid integer"),
        ("train.epochs: 3", "unknown key train.epochs"),
        ("train: 3", "train = 3: input should be a valid dictionary"),
        (
            "train: {model: {filters: [8, 8, 8], kernel_size: [3, 3]}}",
            "train.model.kernel_size is a list of 2 for 3 blocks",
        ),
        ("train: {model: {filters: [8, 8, 8, 8]}}", "train.model: block 4 of 4"),
        ("train: {threads: 1}", "sets train.threads, and recipes/seed.yaml does not: add the default there"),
        ("plot: {dpi: 100}", "sets plot.dpi, and recipes/seed.yaml does not: add the default there"),
        ("", "a mapping of sections is expected, as in params.yaml, not NoneType"),
        ("- train", "a mapping of sections is expected, as in params.yaml, not list"),
        ("train: {epochs: 3", "is not valid YAML: "),
        ("train: {}\ntrain: {}", "is not valid YAML: "),
        ("3: 4", "3 = 3: keys should be strings"),
    ],
)
def test_a_recipe_that_does_not_fit_is_one_line_with_file_and_key(project, text, message):
    write("mine", text)
    found = refusal(recipe_settings, "mine", raw_params())
    assert found.startswith("recipes/mine.yaml") and message in found


def test_a_torn_seed_is_named_whatever_recipe_is_wanted(project):
    write("seed", "train: {epochs: [")
    assert refusal(recipe_settings, "fast", raw_params()).startswith("recipes/seed.yaml is not valid YAML: ")


def test_wrong_parameters_are_not_blamed_on_the_recipe(project):
    assert refusal(recipe_settings, "fast", {"train": 3}).startswith("params.yaml: ")


def test_conflict_markers_are_named_and_the_way_out_works(project):
    commit("recipes")
    run_git("checkout", "-q", "-b", "other")
    write("fast", "train: {batch_size: 64}\n")
    commit("two")
    run_git("checkout", "-q", "main")
    write("fast", "train: {batch_size: 32}\n")
    commit("three")
    run_git("merge", "-q", "other", check=False)
    message = refusal(recipe_settings, "fast", raw_params())
    assert message.startswith("recipes/fast.yaml has conflict markers of a git merge")
    follow(message)
    assert recipe_settings("fast", raw_params())["train.batch_size"] == 32


def test_a_recipe_of_ones_own_is_found_from_a_folder_within(project, monkeypatch):
    write("mine", "train: {epochs: 3}")
    monkeypatch.chdir("recipes")
    assert "mine" in paths.recipe_names()

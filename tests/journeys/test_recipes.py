"""A recipe chosen by one word, and the way back."""

import json

import pytest
from support.pipeline import DOWNSTREAM, assert_complete, runs_of

pytestmark = pytest.mark.slow

DIGITS = ("python", "-m", "digits.cli")
RECIPES = {
    # What the sample's parameters say.
    "seed": "train: {model: {filters: [8, 16]}, learning_rate: 0.005, epochs: 4}\n",
    "tiny": "train: {model: {filters: [4, 8]}, learning_rate: 0.01, epochs: 3}\n",
}


@pytest.fixture
def cook(project):
    """A project on the sample, with two recipes of its own."""
    for path in (project.folder / "recipes").iterdir():
        path.unlink()
    for name, text in RECIPES.items():
        (project.folder / "recipes" / f"{name}.yaml").write_text(text)
    # The report names what differs from recipe `seed`.
    project.run("dvc", "repro")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "Recipes")
    return project


def shown(project):
    """The experiments and the workspace as `dvc exp show` has them: name → parameters of params.yaml."""
    (workspace, commit, *_) = json.loads(project.run("dvc", "exp", "show", "--json").stdout)
    found = {"workspace": workspace["data"]["params"]["params.yaml"]["data"]}
    for experiment in commit["experiments"] or []:
        for revision in experiment["revs"]:
            found[revision["name"]] = revision["data"]["params"]["params.yaml"]["data"]
    return found


@pytest.mark.long
def test_a_recipe_runs_is_named_everywhere_and_seed_brings_the_first_model_back(cook, client_of):
    client = client_of(cook)
    (first,) = runs_of(client)
    model = (cook.folder / "models" / "model.keras").read_bytes()
    done = cook.run(*DIGITS, "repro", "--recipe", "tiny", "--set", "train.epochs=1")
    assert cook.stages_run(done) == ["params", *DOWNSTREAM]
    _, run = runs_of(client)
    assert_complete(client, run, cook)
    params = run.data.params
    assert params["recipe"] == "tiny" and params["train.model.filters"] == "[4, 8]" and params["train.epochs"] == "1"
    # Its name stands for what it sets.
    assert run.info.run_name.endswith(" recipe=tiny epochs=1")
    for params in shown(cook).values():
        assert params["recipe"] == "tiny" and params["train"]["model"]["filters"] == [4, 8]
    assert len(shown(cook)) == 2

    lineage = cook.run(*DIGITS, "lineage", run.info.run_id).stdout
    assert "\nrecipe      tiny, but for train.epochs=1\n" in lineage
    assert "-S recipe=tiny -S 'train.model.filters=[4,8]'" in lineage
    compared = json.loads(cook.run(*DIGITS, "compare", first.info.run_id, run.info.run_id, "--json").stdout)
    assert [one["params"]["recipe"] for one in compared["models"]] == ["seed", "tiny"]

    done = cook.run(*DIGITS, "repro", "--recipe", "seed")
    assert set(cook.stages_run(done)) <= {"params"}
    assert (cook.folder / "models" / "model.keras").read_bytes() == model
    # DVC writes params.yaml anew, with the same values.
    assert cook.run("git", "status", "--porcelain").stdout in ("", " M params.yaml\n")
    assert cook.run("dvc", "params", "diff", "--json").stdout.strip() == "{}"
    # Another name alone trains nothing.
    done = cook.run(*DIGITS, "repro", "--set", "recipe=mine")
    assert set(cook.stages_run(done)) <= {"params"} and "recipe: mine" in cook.read("params.yaml")
    assert len(runs_of(client)) == 2


@pytest.mark.long
def test_recipes_in_the_queue_and_in_a_sweep(cook, client_of):
    done = cook.run(*DIGITS, "repro", "--recipe", "tiny", "--queue")
    assert "digits: queued; `dvc queue start` runs it" in done.stdout and len(runs_of(client_of(cook))) == 1
    # It runs the queue.
    sweep = (*DIGITS, "sweep", "--name", "both")
    settings = ("--recipe", "seed", "--recipe", "tiny", "-S", "train.epochs=1", "--seeds", "1")
    done = cook.run(*sweep, *settings)
    first, second = json.loads(cook.run(*sweep, "--json").stdout)
    assert [len(one["trials"]) for one in (first, second)] == [1, 1]
    assert first["settings"]["recipe"] == "seed" and second["settings"]["recipe"] == "tiny"
    assert second["settings"]["train.model.filters"] == [4, 8] and "train.epochs" not in second["settings"]
    rows = [line.split()[0] for line in done.stdout.splitlines() if line.split()[1:2] == ["1"]]
    assert sorted(rows) == ["seed", "tiny"]
    runs = runs_of(client_of(cook))
    by_recipe = sorted((run.data.params["recipe"], run.data.params["train.epochs"]) for run in runs)
    assert by_recipe == [("seed", "1"), ("seed", "4"), ("tiny", "1"), ("tiny", "3")]
    evaluated = [run.data.params["train.epochs"] for run in runs if "test_accuracy" in run.data.metrics]
    assert sorted(evaluated) == ["3", "4"]

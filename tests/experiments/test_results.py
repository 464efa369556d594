"""How trainings become recipes, and recipes a table."""

import io

import pytest
from rich.console import Console

from digits.experiments.results import Trial, print_recipes, recipes_of


def trial(number, rate, seed, accuracy, epochs=5):
    params = {"train.learning_rate": rate, "train.seed": seed, "train.epochs": 15}
    return Trial(f"rate-{number}", params, {"val_accuracy": accuracy, "epochs": epochs})


RATES = [
    trial(1, 0.001, 1, 0.990),
    trial(2, 0.001, 2, 0.991),
    trial(3, 0.001, 3, 0.989),
    trial(4, 0.002, 1, 0.992, epochs=7),
    trial(5, 0.002, 2, 0.9931),
    trial(6, 0.002, 3, 0.9909),
    trial(7, 0.1, 1, 0.1),
]


def test_trainings_that_differ_in_the_seed_alone_are_one_recipe():
    slow, fast, broken = recipes_of(RATES, 0.05)
    assert [recipe.name for recipe in (slow, fast, broken)] == [
        "learning_rate=0.001",
        "learning_rate=0.002",
        "learning_rate=0.1",
    ]
    assert slow.comparison is None and broken.comparison is None and broken.low is None
    assert slow.accuracy == pytest.approx(0.99) and slow.low < 0.99 < slow.high
    assert fast.comparison.verdict == "better" and fast.comparison.difference == pytest.approx(0.002)
    assert fast.as_dict()["against_first"]["verdict"] == "better"
    assert [trial["seed"] for trial in fast.as_dict()["trials"]] == [1, 2, 3]


def test_one_recipe_has_nothing_to_be_compared_with():
    (only,) = recipes_of(RATES[:3], 0.05)
    assert only.name == "one recipe" and only.settings == {} and only.comparison is None


def test_the_table_shows_the_best_first_and_what_to_do_next():
    out = io.StringIO()
    print_recipes(recipes_of(RATES, 0.05), 0.05, Console(file=out, width=100))
    lines = out.getvalue().splitlines()
    rows = [line.split() for line in lines if line.startswith(" learning_rate=")]
    assert [row[0] for row in rows] == ["learning_rate=0.002", "learning_rate=0.001", "learning_rate=0.1"]
    assert rows[0][1:] == ["3", "5.7", "99.20", "+0.20", "better"]
    assert rows[1][1:] == ["3", "5.0", "99.00", "–", "the", "first"]
    assert rows[2][1:] == ["1", "5.0", "10.00", "–", "too", "few", "seeds"]
    assert lines[-1].endswith("dvc exp run -S train.learning_rate=0.002")
    assert max(map(len, lines)) <= 100


def test_what_to_do_next_has_all_that_differs_from_the_commit():
    """Also what every recipe has, and lists as a shell takes them."""
    committed = {"train.learning_rate": 0.001, "train.seed": 42, "train.epochs": 10, "train.model.filters": [32, 64]}
    trials = [
        Trial(trial.experiment, trial.params | {"train.model.filters": [8, 16]}, trial.training, committed)
        for trial in RATES
    ]
    out = io.StringIO()
    print_recipes(recipes_of(trials, 0.05), 0.05, Console(file=out, width=100))
    command = "dvc exp run -S train.learning_rate=0.002 -S train.epochs=15 -S 'train.model.filters=[8,16]'"
    assert out.getvalue().splitlines()[-1].endswith(command)


def named(recipe, epochs, seed, rate, accuracy):
    params = {"recipe": recipe, "train.epochs": epochs, "train.learning_rate": rate, "train.seed": seed}
    return Trial(f"{recipe}-{seed}", params, {"val_accuracy": accuracy, "epochs": epochs})


def test_the_name_of_a_recipe_stands_for_what_follows_from_it():
    trials = [named(recipe, epochs, 1, 0.1, 0.9) for recipe, epochs in (("fast", 1), ("mid", 6))]
    fast, mid = recipes_of(trials, 0.05)
    assert (fast.name, mid.name) == ("fast", "mid")
    assert mid.settings == {"recipe": "mid", "train.epochs": 6}
    trials += [named("mid", 6, 1, 0.2, 0.9)]
    assert [one.name for one in recipes_of(trials, 0.05)] == [
        "fast, learning_rate=0.1",
        "mid, learning_rate=0.1",
        "mid, learning_rate=0.2",
    ]


def test_the_best_recipe_can_be_typed():
    committed = {"recipe": "seed", "train.seed": 42, "train.epochs": 15, "train.learning_rate": 0.1}
    trials = [named("seed", 15, 1, 0.1, 0.9), named("fast", 1, 1, 0.1, 0.95)]
    trials = [Trial(one.experiment, one.params, one.training, committed) for one in trials]
    out = io.StringIO()
    print_recipes(recipes_of(trials, 0.05), 0.05, Console(file=out, width=100))
    assert out.getvalue().splitlines()[-1].endswith("dvc exp run -S recipe=fast -S train.epochs=1")

import json

import pytest

from benchmarks import project
from benchmarks.project import flat, recipe_names, recipe_values
from benchmarks.recipes import _params, main
from benchmarks.seeds import agrees
from digits.errors import DigitsError


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    monkeypatch.setattr(project, "RECIPES", tmp_path)
    (tmp_path / "fast.yaml").write_text("train:\n  epochs: 1\n  model: {filters: [16, 32]}\n")
    (tmp_path / "wrong.yaml").write_text("train: {epoch: 1}\n")
    return tmp_path


def test_the_seed_comes_first_and_is_params_yaml_itself(recipes):
    assert recipe_names() == ["seed", "fast", "wrong"]
    assert recipe_values("seed").keys() <= {"recipe"}


def test_a_recipe_is_laid_over_the_parameters(recipes):
    assert recipe_values("fast").items() >= {"train.epochs": 1, "train.model.filters": [16, 32]}.items()
    params = _params("fast", quick=False)
    assert params["train"]["epochs"] == 1
    assert params["train"]["model"]["filters"] == [16, 32]
    assert params["train"]["batch_size"] == _params("seed", quick=False)["train"]["batch_size"]


def test_a_recipe_is_laid_over_that_of_the_seed(recipes):
    (recipes / "seed.yaml").write_text("train:\n  epochs: 15\n  batch_size: 32\n")
    assert recipe_names() == ["seed", "fast", "wrong"]
    values = {"train.epochs": 1, "train.model.filters": [16, 32], "train.batch_size": 32}
    assert recipe_values("fast").items() >= values.items()
    assert recipe_values("seed")["train.epochs"] == 15


def test_what_does_not_fit_is_refused(recipes, tmp_path):
    with pytest.raises(DigitsError, match=r"unknown key train\.epoch, did you mean train\.epochs"):
        _params("wrong", quick=False)
    with pytest.raises(DigitsError, match=r"none\.yaml is missing: the recipes are seed, fast, wrong"):
        recipe_values("none")
    with pytest.raises(DigitsError, match=r"there is no labels\.csv"):
        main(["--pictures", str(tmp_path)])


def test_nested_sections_become_dotted_keys():
    assert flat({"a": {"b": {"c": 1}, "d": [2]}, "e": 3}) == {"a.b.c": 1, "a.d": [2], "e": 3}


@pytest.mark.parametrize(
    ("answer", "truth", "right"),
    [
        ("7", "7", True),
        ("1", "7", False),
        ("", "none", True),
        ("7", "none", False),
        ("666", "6*", True),
        ("665", "6*", False),
        ("", "6*", False),
        ("1234567890", "1234567890", True),
    ],
)
def test_a_reading_agrees_with_a_truth(answer, truth, right):
    assert agrees(answer, truth) is right


@pytest.mark.slow
def test_a_recipe_is_trained_once_a_seed_and_pictures_are_read(tmp_path, mnist_sample):
    from PIL import Image

    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        Image.fromarray(255 - mnist_sample.x_test[number]).resize((112, 112)).save(folder / f"{number}.png")
    truths = [f"{number}.png,{label}" for number, label in enumerate([*mnist_sample.y_test[:3], "?"])]
    (folder / "labels.csv").write_text("\n".join(["file,truth", *truths]))
    output = tmp_path / "recipes.json"
    main(["seed", "--quick", "--pictures", str(folder), "--output", str(output)])
    (row,) = json.loads(output.read_text())["tables"]["recipes"]
    assert (row["n seeds"], row["images seen"]) == (2, 700)
    assert 20 < row["test accuracy, %"]["mean"] < 100
    # Both read three pictures that count.
    right = row["pictures, %"]["mean"] * 6 / 100
    assert right == pytest.approx(round(right), abs=1e-3)
    assert row["fit, seconds"]["n"] == 2

import json

import pytest

from benchmarks.recipes import _params, main
from digits.errors import DigitsError


def test_a_recipe_is_laid_over_that_of_the_seed():
    params, seed = _params("fast", quick=False), _params("seed", quick=False)
    assert params["train"]["model"]["filters"] == [16, 32, 48]
    assert params["train"]["seed"] == seed["train"]["seed"]
    assert seed["train"]["model"]["filters"] == [32, 64]
    assert _params("fast", quick=True)["train"]["epochs"] == 1


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(
        DigitsError, match=r"no recipe is called 'none': there are best, best-ensemble, fast, mid, seed, student"
    ):
        _params("none", quick=False)
    with pytest.raises(DigitsError, match=r"fast:x: the number of seeds after the colon is 1 or more"):
        main(["fast:x"])
    with pytest.raises(DigitsError, match=r"there is no labels\.csv"):
        main(["--pictures", str(tmp_path)])


@pytest.mark.slow
@pytest.mark.long
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

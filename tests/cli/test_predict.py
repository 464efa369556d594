"""`digits predict`: its output, its errors and its exit code."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.clothes import CLOTHES
from support.drawings import page
from typer.testing import CliRunner

from digits.cli.__main__ import app
from digits.pictures.read import NOT_SURE_BELOW

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """An untrained network, which is sure of nothing."""
    from digits.model.network import build_model
    from digits.model.runtime import use_tensorflow
    from digits.params import ModelParams

    use_tensorflow(seed=1)
    path = tmp_path_factory.mktemp("model") / "model.keras"
    params = ModelParams(
        filters=[32, 64], kernel_size=3, pool_size=2, conv_dropout=0.5, dense_units=128, dense_dropout=0.5
    )
    build_model(params, 10).save(path)
    return path


def test_the_command_prints_goes_on_after_errors_and_exits_with_1(tmp_path, model):
    good = page(tmp_path / "good.png")
    bad = tmp_path / "bad.png"
    bad.write_bytes(good.read_bytes()[:200])
    result = CliRunner().invoke(app, ["predict", str(bad), str(good), "--model", str(model.parent)])
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    assert all(line.startswith(f"{good}: ") and "not sure" in line for line in result.stdout.splitlines())
    assert result.stderr.startswith(f"digits: {bad}: damaged or truncated")
    assert len(result.stderr.splitlines()) == 1


def test_the_command_in_json(tmp_path, model):
    good = page(tmp_path / "good.png")
    result = CliRunner().invoke(app, ["predict", str(good), "--model", str(model), "--json"])
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert len(report["pictures"][0]["digits"]) == 2
    assert report["not_sure_below"] == NOT_SURE_BELOW


def test_a_model_of_another_size_says_the_names_of_its_classes(tmp_path, clothes_model):
    good = page(tmp_path / "good.png")
    arguments = ["predict", str(good), "--model", str(clothes_model)]
    result = CliRunner().invoke(app, [*arguments, "--explain", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    pattern = "|".join(map(re.escape, CLOTHES))
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    assert all(
        re.fullmatch(rf".*good.png: ({pattern})  .* %  \(next: ({pattern})  .* %\)  not sure", line) for line in lines
    )
    assert (tmp_path / "out" / "good-explained.png").is_file()
    report = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert report["classes"] == CLOTHES
    for digit in report["pictures"][0]["digits"]:
        assert digit["class"] == CLOTHES[digit["digit"]] and digit["runner_up_class"] == CLOTHES[digit["runner_up"]]


@pytest.mark.slow
def test_names_that_are_not_the_models_are_refused_in_one_line(tmp_path, clothes_model):
    shutil.copy(clothes_model / "model.keras", tmp_path)
    (tmp_path / "classes.json").write_text('["one", "two"]')
    done = subprocess.run(
        [sys.executable, "-m", "digits.cli", "predict", str(page(tmp_path / "x.png")), "--model", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and done.stdout == ""
    expected = f"digits: model.keras tells 3 classes apart, but {tmp_path / 'classes.json'} has 2 names\n"
    assert done.stderr == expected
    # Without names it is the labels that are told.
    (tmp_path / "classes.json").unlink()
    result = CliRunner().invoke(app, ["predict", str(tmp_path / "x.png"), "--model", str(tmp_path), "--json"])
    assert json.loads(result.stdout)["classes"] == ["0", "1", "2"]


def test_help_shows_an_example_and_loads_nothing_heavy():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom digits.cli.__main__ import app\n"
        "result = CliRunner().invoke(app, ['predict', '--help'])\n"
        "assert 'digits predict photo.jpg' in result.stdout, result.stdout\n"
        "heavy = {'tensorflow', 'mlflow', 'numpy', 'matplotlib', 'PIL', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)

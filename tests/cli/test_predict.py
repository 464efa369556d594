"""`digits predict`: its output, its errors and its exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
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


def test_help_shows_an_example_and_loads_nothing_heavy():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom digits.cli.__main__ import app\n"
        "result = CliRunner().invoke(app, ['predict', '--help'])\n"
        "assert 'digits predict photo.jpg' in result.stdout, result.stdout\n"
        "heavy = {'tensorflow', 'mlflow', 'numpy', 'matplotlib', 'PIL', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)

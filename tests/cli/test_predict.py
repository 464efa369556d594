"""`digits predict`: its output, its errors and its exit code."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.clothes import CLOTHES
from support.decisions import assert_refused
from support.drawings import page
from support.project import Project
from support.tiny import TRAIN, write_model
from typer.testing import CliRunner

from digits.cli.__main__ import app
from digits.pictures.read import NOT_SURE_BELOW

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """An untrained network, which is sure of nothing."""
    from digits.model.network import build_model
    from digits.model.runtime import use_tensorflow

    use_tensorflow(seed=1)
    return write_model(build_model(TRAIN.model, 10), tmp_path_factory.mktemp("model"))


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


@pytest.mark.slow
def test_a_model_of_another_size_says_the_names_of_its_classes(tmp_path, clothes_model):
    good = page(tmp_path / "good.png")
    arguments = ["predict", str(good), "--model", str(clothes_model)]
    result = CliRunner().invoke(app, [*arguments, "--explain", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    pattern = "|".join(map(re.escape, CLOTHES))
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    sentence = rf".*good.png: ({pattern})  .* %  \(next: ({pattern})  .* %\)  not sure: low probability"
    assert all(re.fullmatch(sentence, line) for line in lines)
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


def predicted(digits, *words):
    """What `digits predict` says as JSON."""
    code, out, err = digits("predict", *words, "--json")
    assert (code, err) == (0, ""), err
    return json.loads(out)


@pytest.mark.slow
def test_the_next_prediction_knows_of_every_change_of_the_champion(store, digits, tmp_path):
    """Another process, MLflow's own client and the project's commands may change an alias."""
    picture, project = str(page(tmp_path / "good.png")), Project(store.folder)
    hashes = {f"models:/digits/{n}": store.registry.version(n).tags["model_sha256"] for n in "123"}

    def champion():
        first, second = (predicted(digits, picture) for _ in range(2))
        assert first == second and first["sha256"] == hashes[first["model"]]
        assert predicted(digits, picture, "--model", "models:/digits@champion") == first
        # A bare word is resolved each time, also to the same answer.
        assert predicted(digits, picture, "--model", "champion") == first
        return first["model"]

    assert champion() == "models:/digits/1"
    store.client.set_registered_model_alias("digits", "champion", "3")
    assert champion() == "models:/digits/3"
    project.run("digits", "promote", "2", "--force", "--reason", "a test", MLFLOW_TRACKING_URI=project.store())
    assert champion() == "models:/digits/2"
    project.run("digits", "rollback", MLFLOW_TRACKING_URI=project.store())
    assert champion() != "models:/digits/2"
    store.client.delete_registered_model_alias("digits", "champion")
    for words in ([], ["--model", "models:/digits@champion"]):
        assert_refused(digits("predict", picture, *words), "digits has no champion")


@pytest.mark.slow
def test_a_second_prediction_opens_no_store_and_writes_nothing(store, digits, tmp_path):
    picture = page(tmp_path / "good.png")
    first = predicted(digits, str(picture))
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    code = (
        "import sys\nfrom digits.cli.__main__ import main\n"
        f"sys.argv = ['digits', 'predict', {str(picture)!r}, '--json']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    done = Project(store.folder).run(sys.executable, "-c", code, PYTHONPATH=str(ROOT))
    assert json.loads(done.stdout) == first
    loaded = set(done.stderr.split())
    assert "ai_edge_litert" in loaded
    heavy = {"mlflow", "sqlalchemy", "pandas", "sklearn", "matplotlib", "keras", "tensorflow", "ruamel", "requests"}
    assert heavy & loaded == set()
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert {path for path in files.keys() | after.keys() if files.get(path) != after.get(path)} == set()


@pytest.mark.slow
def test_a_remembered_model_whose_files_are_damaged_comes_anew_from_the_store(store, digits, tmp_path):
    picture = str(page(tmp_path / "good.png"))
    first = predicted(digits, picture)
    for name in ("model.keras", "model.tflite"):
        file = store.folder / ".digits" / "models" / first["sha256"] / name
        good = file.read_bytes()
        for damage in (file.unlink, lambda file=file, good=good: file.write_bytes(good[:-1])):
            damage()
            assert predicted(digits, picture) == first
            assert file.read_bytes() == good


def test_help_shows_an_example_and_loads_nothing_heavy():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom digits.cli.__main__ import app\n"
        "result = CliRunner().invoke(app, ['predict', '--help'])\n"
        "assert 'digits predict photo.jpg' in result.stdout, result.stdout\n"
        "heavy = {'tensorflow', 'mlflow', 'numpy', 'matplotlib', 'PIL', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)

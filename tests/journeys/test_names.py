"""Each name of a model × each command that takes a model: all of them mean the same one."""

import json
import shutil
from pathlib import Path

import pytest
from support.long import long_after
from support.pipeline import copy_project
from support.project import Project
from support.stores import forget_store

from digits.files import sha256_file

pytestmark = pytest.mark.slow

NAMES = (
    "alias",
    "models:/ with version",
    "run id",
    "DVC experiment",
    "commit",
    "pulled folder",
    # Tried by `make test-long`: each takes the way of one of those above.
    "version",
    "models:/ with alias",
    "models:/ of a logged model",
    "runs:/",
    "run name",
    "branch",
    "tag",
    "short commit",
    ".keras file",
    "folder",
)
COMMANDS = ("predict", "serve", "draw", "compare", "promote", "register", "pull", "lineage", "rollback")


@pytest.fixture(scope="module")
def named(reproduced, tmp_path_factory):
    """A copy of the project, and its one model by every name."""
    folder = tmp_path_factory.mktemp("named") / "project"
    project = copy_project(reproduced, folder)
    project.run("dvc", "exp", "save", "-n", "tried")
    project.run("git", "tag", "first")
    lineage = json.loads(project.run("python", "-m", "digits.cli", "lineage", "--json").stdout)
    project.run("python", "-m", "digits.cli", "pull", "--to", "away")
    commit = project.run("git", "rev-parse", "HEAD").stdout.strip()
    (logged,) = (folder / "mlartifacts").rglob("m-*/artifacts/model.keras")
    project.names = {
        "alias": "champion",
        "version": "1",
        "models:/ with alias": "models:/digits@champion",
        "models:/ with version": "models:/digits/1",
        "models:/ of a logged model": f"models:/{logged.parts[-3]}",
        "run id": lineage["run_id"],
        "runs:/": f"runs:/{lineage['run_id']}",
        "run name": lineage["run_name"],
        "DVC experiment": "tried",
        "branch": "main",
        "tag": "first",
        "commit": commit,
        "short commit": commit[:8],
        ".keras file": "models/model.keras",
        "folder": "models",
        "pulled folder": "away",
    }
    assert set(project.names) == set(NAMES)
    project.sha256 = sha256_file(folder / "models" / "model.keras")
    return project


@pytest.fixture
def here(named, monkeypatch):

    monkeypatch.chdir(named.folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield named
    forget_store()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", long_after(6, NAMES))
def test_every_command_takes_every_name(here, digits, monkeypatch, tmp_path, kind, command):
    name = here.names[kind]
    if command == "predict":
        picture = tmp_path / "seven.png"
        write_picture(picture)
        code, out, err = digits("predict", str(picture), "--model", name, "--json")
        assert code == 0, err
        assert json.loads(out)["sha256"] == here.sha256
    elif command in ("serve", "draw"):
        # The servers are started in tests/serving; here it matters what they would load.
        served = []
        module = "score" if command == "serve" else "draw"
        monkeypatch.setattr(f"digits.serving.{module}.{command}", lambda resolve, *options: served.append(resolve()))
        try:
            digits(command, "--model", name)
        finally:
            (model,) = served
        assert model.sha256 == here.sha256 == sha256_file(model.file())
    elif command == "compare":
        code, out, err = digits("compare", name, "--json")
        assert code == 0, err
        assert [model["model_sha256"] for model in json.loads(out)["models"]] == [here.sha256]
    elif command == "promote":
        assert digits("promote", name)[::2] == (1, "digits: version 1 is champion already\n")
    elif command == "register":
        code, out, err = digits("register", name)
        assert code == 0, err
        assert "this model is version 1 already" in out
    elif command == "pull":
        code, out, err = digits("pull", name, "--to", str(tmp_path / "out"))
        assert code == 0, err
        assert sha256_file(tmp_path / "out" / "model.keras") == here.sha256
    elif command == "lineage":
        code, out, err = digits("lineage", name, "--json")
        assert code == 0, err
        assert json.loads(out)["model_sha256"] == here.sha256
    else:
        assert digits("rollback", "--to", name)[::2] == (1, "digits: version 1 is champion already\n")


def write_picture(path):
    import numpy as np
    from PIL import Image

    pixels = np.full((60, 60), 255, np.uint8)
    pixels[10:50, 28:33] = 0
    Image.fromarray(pixels).save(path)


@pytest.mark.parametrize(
    ("name", "near"), [("champoin", "champion"), ("tired", "tried"), ("frist", "first"), ("mian", "main")]
)
def test_an_unknown_name_gets_the_nearest_ones(here, digits, name, near):
    code, _, err = digits("lineage", name)
    assert code == 1 and err.count("\n") == 1
    assert f"{name}: no file or folder, alias, version, run, DVC experiment or git revision is called so" in err
    assert f"did you mean {near}" in err


def test_a_name_of_two_models_gets_a_name_for_each(here, digits, tmp_path):
    """A folder with another model that is called as the alias is."""
    shutil.copytree("models", "champion")
    try:
        # The same model by two names is no question.
        assert digits("lineage", "champion")[0] == 0
        other = Path("champion/model.keras")
        other.write_bytes(other.read_bytes() + b"\0")
        code, _, err = digits("lineage", "champion")
        assert code == 1 and err.count("\n") == 1 and "champion means 2 models" in err
        assert "(models:/digits/1)" in err and "(./champion)" in err
        assert digits("lineage", "models:/digits/1")[0] == 0
        assert sha256_file("./champion/model.keras") != here.sha256
        code, _, err = digits("lineage", "./champion")
        assert code == 1 and "no run of this store has a model with these bytes" in err
    finally:
        shutil.rmtree("champion")


def test_of_a_model_in_a_file_no_store_is_needed(here, tmp_path):
    """As in an application that has the pulled folder alone."""
    picture = tmp_path / "seven.png"
    write_picture(picture)
    away = tmp_path / "away"
    shutil.copytree(here.folder / "away", away)
    elsewhere = Project(tmp_path)
    done = elsewhere.run(
        "python", "-m", "digits.cli", "predict", "seven.png", "--model", "away", PYTHONPATH=str(here.folder)
    )
    assert done.stdout.startswith("seven.png: ") and not (tmp_path / "mlflow.db").exists()

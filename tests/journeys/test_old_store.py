"""A store, registry and history made by the code before the rooms (commit a48d21d) are read and go on.

tests/support/old_store holds them: three small models on the sample, of 4, 2 and 15 epochs. Version 3 was promoted,
version 2 forced, and rolled back.
"""

import gzip
import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from support.decisions import LIMITS
from support.drawings import page
from support.project import change, make_project
from support.stores import forget_store

from digits.files import sha256_file

pytestmark = pytest.mark.slow

OLD = Path(__file__).parents[1] / "support" / "old_store"


@pytest.fixture
def old(tmp_path, monkeypatch):
    """A project of today with the store of then, the current folder."""

    folder = tmp_path / "project"
    folder.mkdir()
    project = make_project(folder)
    change(folder / "params.yaml", LIMITS | {"register.promotion.class_margin": 0.6})
    sql = gzip.decompress((OLD / "mlflow.sql.gz").read_bytes()).decode().replace("{PROJECT}", str(folder))
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        connection.executescript(sql)
    with tarfile.open(OLD / "mlartifacts.tar.xz") as archive:
        archive.extractall(folder)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield project
    forget_store()


def test_it_is_read_and_goes_on(old, digits):
    code, out, _ = digits("history", "--json")
    assert code == 0
    changes = json.loads(out)
    assert [(c["alias"], c["before"], c["after"], c["action"]) for c in changes] == [
        ("champion", None, "1", "register"),
        ("challenger", None, "2", "register"),
        ("challenger", "2", "3", "register"),
        ("champion", "1", "3", "promote"),
        ("challenger", "3", None, "promote"),
        ("champion", "3", "2", "promote (forced)"),
        ("champion", "2", "3", "rollback"),
    ]

    code, out, err = digits("compare", "champion", "1", "worse", "better", "--json")
    assert code == 0, err
    verdicts = [model["verdict"] for model in json.loads(out)["models"]]
    assert verdicts == ["baseline", "worse", "worse", "no evidence"]

    code, out, err = digits("lineage", "better", "--json")
    assert code == 0, err
    lineage = json.loads(out)
    assert lineage["versions"] == {"3": ["champion"]} and lineage["dvc_experiment"] == "better"

    assert digits("pull", "--to", "away")[0] == 0
    assert sha256_file("away/model.keras") == lineage["model_sha256"]
    # It has no file of names. The metrics beside it have them, as the run has.
    assert not Path("away/classes.json").exists()
    picture = str(page(Path("page.png")))
    for model in ("champion", "away"):
        code, out, err = digits("predict", picture, "--model", model, "--json")
        assert code == 0 and json.loads(out)["classes"] == list("0123456789"), err

    code, out, err = digits("promote", "1")
    assert code == 1 and "version 1 refused: Better accuracy on the same images" in err
    assert digits("rollback")[0] == 0
    assert digits("promote", "better")[0] == 0
    code, out, _ = digits("history", "--json")
    assert [(c["before"], c["after"], c["action"]) for c in json.loads(out)[7:]] == [
        ("3", "1", "rollback"),
        ("1", "3", "promote"),
    ]

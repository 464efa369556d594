"""Models of git revisions that no run has: what git and DVC's cache still hold of them."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.reports import REPORTS, write_reports
from support.repository import commit, make_repository

from digits import dvc, paths
from digits.errors import DigitsError
from digits.files import sha256_file
from digits.registry.revisions import model_of_commit

# In git, and in DVC's cache.
COMMITTED, CACHED = paths.METRICS, [paths.MODEL, paths.TWIN, paths.PREDICTIONS]


def put_into_cache(path):
    """Where DVC keeps a file, under its digest."""
    md5 = dvc.digest(path)
    place = Path(".dvc/cache/files/md5") / md5[:2] / md5[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, place)
    return md5


@pytest.fixture
def revision(tmp_path, monkeypatch):
    """A commit with a model, whose files are all gone from the working copy."""
    make_repository(tmp_path, monkeypatch)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)
    write_reports()
    paths.MODEL.parent.mkdir()
    paths.MODEL.write_bytes(b"weights")
    paths.TWIN.write_bytes(b"the same weights")
    outs = [{"path": path.as_posix(), "md5": put_into_cache(path)} for path in CACHED]
    with Path("dvc.lock").open("w") as file:
        YAML().dump({"schema": "2.0", "stages": {"train": {"outs": outs}}}, file)
    Path(".gitignore").write_text(
        "".join(f"/{path}\n" for path in (*REPORTS, paths.MODEL, paths.TWIN) if path != COMMITTED)
    )
    found = commit("a model")
    for path in (*REPORTS, paths.MODEL, paths.TWIN):
        path.unlink()
    return found


def test_what_git_and_the_cache_hold_is_the_model(revision):
    model = model_of_commit("HEAD~0", revision, is_experiment=False)
    assert model.file().read_bytes() == b"weights" and model.results.model_sha256 == sha256_file(model.file())
    assert model.accuracy == 0.9907 and list(model.results.predictions["actual"]) == [1, 0]
    # The lock names no such out: the commit is of an older version.
    assert model.results.robustness is None
    with pytest.raises(DigitsError, match="no run of this store has a model with these bytes"):
        model.require_run()


def test_its_twin_lies_beside_its_file(revision):
    twin = model_of_commit("HEAD", revision, is_experiment=False).file().with_name("model.tflite")
    assert twin.read_bytes() == b"the same weights"
    # Without its twin, the file of the cache will do.
    twin.unlink()
    digest = hashlib.md5(b"the same weights").hexdigest()
    Path(".dvc/cache/files/md5", digest[:2], digest[2:]).unlink()
    file = model_of_commit("HEAD", revision, is_experiment=False).file()
    assert file.read_bytes() == b"weights" and not file.with_name("model.tflite").exists()


@pytest.mark.parametrize(("is_experiment", "way"), [(True, "dvc exp apply 'a b'"), (False, "git checkout 'a b'")])
@pytest.mark.parametrize(("path", "ask"), [(paths.MODEL, "file"), (paths.PREDICTIONS, "predictions")])
def test_what_the_cache_lost_is_named_with_the_way_back(revision, is_experiment, way, path, ask):
    shutil.rmtree(".dvc/cache")
    model = model_of_commit("a b", revision, is_experiment)
    with pytest.raises(DigitsError) as refused:
        model.file() if ask == "file" else model.results.predictions
    assert str(refused.value) == f"a b: {path} is not in DVC's cache: `{way} && dvc repro` makes it anew"


def test_a_damaged_file_of_the_past_is_no_reason_to_train(revision):
    paths.METRICS.write_text("{")
    with pytest.raises(DigitsError, match=r"^metrics.json of old cannot be read .*: .* choose another revision$"):
        _ = model_of_commit("old", commit("torn"), is_experiment=False).accuracy

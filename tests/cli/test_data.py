"""`digits data diff` on the sample, in DVC's real cache."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.decisions import assert_refused
from support.params import FILE
from support.repository import commit, make_repository
from support.sample import read_sample

from digits.data.idx import format_idx
from digits.data.raw import RAW_NAMES

pytestmark = pytest.mark.slow


def write(sample):
    Path("data/raw").mkdir(parents=True, exist_ok=True)
    arrays = (sample.x_train, sample.y_train, sample.x_test, sample.y_test)
    for name, array in zip(RAW_NAMES.values(), arrays, strict=True):
        Path("data/raw", name).write_bytes(format_idx(array))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A committed data set, of which one label was corrected since."""
    make_repository(tmp_path, monkeypatch)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)
    shutil.copy(FILE, "params.yaml")
    Path("dvc.lock").unlink()
    Path("dvc.yaml").write_text("stages: {fetch: {cmd: 'true', outs: [data/raw]}}")
    sample = read_sample()
    write(sample)
    subprocess.run([sys.executable, "-m", "dvc", "commit", "-q", "-f"], check=True)
    commit("data")
    sample.y_test = sample.y_test.copy()
    sample.y_test[5] = (sample.y_test[5] + 1) % 10
    write(sample)
    return tmp_path


def test_a_revision_against_the_working_tree(project, digits, monkeypatch):
    monkeypatch.chdir("data")
    code, out, err = digits("data", "diff", "HEAD", "--html", "changes.html")
    assert code == 0 and err == "digits: wrote changes.html\n"
    assert "HEAD → the working tree, 1,400 images: 1 relabelled\n" in out
    # The page lies where the command was given.
    assert "row 5" in (project / "data" / "changes.html").read_text()
    code, out, _ = digits("data", "diff", "HEAD", "--json")
    found = json.loads(out)
    assert (found["before"], found["after"]) == ("HEAD", "the working tree")
    (change,) = found["changes"]
    assert (change["kind"], change["split"], change["before_row"], change["elsewhere"]) == (
        "relabelled",
        "test",
        5,
        None,
    )


def test_two_revisions_and_refusals(project, digits, monkeypatch):
    code, out, _ = digits("data", "diff", "HEAD", "main")
    assert code == 0 and out == "HEAD → main, 1,400 images: no image and no label changed\n"
    assert_refused(digits("data", "diff", "nowhere", "--html", "page.html"), "nowhere: no git revision")
    assert not Path("page.html").exists()
    shutil.rmtree("data/raw")
    assert_refused(digits("data", "diff", "HEAD"), "data/raw/train-images-idx3-ubyte is missing: run `dvc repro`")
    monkeypatch.chdir(project.parent)
    assert_refused(digits("data", "diff", "HEAD"))
    assert digits("data", "diff")[0] == 2

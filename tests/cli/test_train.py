"""`digits train`: refused before anything runs, or the whole pipeline with two workers."""

import importlib.util
from pathlib import Path

import pytest
from support.decisions import assert_refused
from support.params import FILE
from support.pipeline import assert_complete, runs_of
from support.project import make_project
from support.repository import commit


@pytest.fixture
def project(repository, client):
    Path("params.yaml").write_bytes(FILE.read_bytes())
    Path("dvc.yaml").write_text("stages:\n  train:\n    cmd: touch ran\n    params: [train.epochs]\n")
    commit("pipeline")
    yield repository
    assert not (repository / "ran").exists()


def test_without_jax_it_is_refused_before_anything_runs(project, digits, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert_refused(digits("train", "--workers", "2"), "`pip install 'digits[jax]'`")


def test_workers_without_equal_shares_are_refused(project, digits, monkeypatch):
    monkeypatch.setattr("digits.model.jax_runtime.require_jax", lambda: None)
    assert_refused(digits("train", "--workers", "3"), "train.batch_size = 32 has no equal shares for train.workers = 3")


def test_the_number_of_workers_has_bounds(digits):
    code, out, err = digits("train", "--workers", "0")
    assert code == 2 and out == "" and err.startswith("Usage: ")


def test_an_address_is_for_several_workers(digits):
    for words in ([], ["--workers", "1"]):
        assert_refused(digits("train", *words, "--address", "127.0.0.1:6379"), "say how many with --workers")


@pytest.mark.scale
def test_two_workers_in_the_pipeline_and_its_proof(tmp_path, client_of):
    """The run has all parameters and epochs, and a rebuild in another folder gives the same bytes."""
    project = make_project(tmp_path)
    done = project.run("python", "-m", "digits.cli", "train", "--workers", "2")
    assert "train: epoch 4/4, 2 workers: accuracy" in done.stdout
    client = client_of(project)
    (run,) = runs_of(client)
    assert run.data.params["train.workers"] == "2"
    assert_complete(client, run, project)
    project.run("git", "commit", "-qam", "Two workers")
    proof = project.run("python", "-m", "digits.cli", "lineage", "champion", "--verify")
    assert "digits: rebuilt, the bytes match" in proof.stdout

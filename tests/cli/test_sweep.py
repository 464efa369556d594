"""`digits sweep` where it refuses, and the table of an earlier sweep. That it runs is tested in tests/pipeline."""

import json
from pathlib import Path

import pytest
from support.decisions import assert_refused
from support.params import FILE
from support.project import change
from support.reports import TRAINING
from support.repository import commit, run_git


@pytest.fixture
def project(repository):
    """A repository with valid parameters, the current folder."""
    Path("params.yaml").write_bytes(FILE.read_bytes())
    commit("parameters")
    return repository


@pytest.mark.parametrize(
    "words", [[], ["--seeds", "5"], ["-S", "train.epochs=1", "--seeds", "-1"], ["-n", "a", "-j", "0"]]
)
def test_nothing_to_try_is_wrong_usage(digits, words):
    code, out, err = digits("sweep", *words)
    assert code == 2 and out == "" and err.startswith("Usage: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-S", "train.epoch=1,2"], "unknown key train.epoch, did you mean train.epochs?"),
        (["-S", "train.epochs=1,0"], "train.epochs = 0: input should be greater than or equal to 1"),
        (["-S", "plot.dpi=100,200"], "-S plot.dpi=100,200: recipes are trainings on the same images, so only train."),
        (["-S", "train.seed=1,2"], "-S train.seed and --seeds contradict each other: leave one out"),
        (["--name", "nothing"], "no DVC experiment of a sweep is called nothing: `dvc exp list --all` lists them"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_anything_is_queued(project, digits, words, message):
    assert_refused(digits("sweep", *words), message)
    assert run_git("for-each-ref", "refs/exps", "refs/stash") == "" and run_git("status", "--porcelain") == ""


@pytest.fixture
def swept(project):
    """The experiments that a sweep left in git: two learning rates, three seeds."""
    head = run_git("rev-parse", "HEAD")
    trials = [(rate, seed) for rate in (0.001, 0.01) for seed in (1, 2, 3)]
    for number, (rate, seed) in enumerate(trials, start=1):
        change(Path("params.yaml"), {"train.learning_rate": rate, "train.seed": seed})
        training = TRAINING | {"val_accuracy": 0.9 + rate * (2 + seed / 10), "epochs": 5}
        Path("reports/training.json").write_text(json.dumps(training))
        found = commit(f"rate-{number}")
        run_git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/rate-{number}", found)
        run_git("reset", "-q", "--hard", head)
    return project


@pytest.mark.slow
def test_an_earlier_sweep_is_shown_by_its_name(swept, digits, monkeypatch):
    monkeypatch.chdir(swept / "reports")
    code, out, err = digits("sweep", "--name", "rate", "--json")
    assert (code, err) == (0, "")
    slow, fast = json.loads(out)
    assert slow["settings"] == {"train.learning_rate": 0.001} and fast["settings"] == {"train.learning_rate": 0.01}
    assert [trial["seed"] for trial in fast["trials"]] == [1, 2, 3]
    assert fast["against_first"]["difference"] == pytest.approx(0.009 * 2.2)
    assert fast["against_first"]["verdict"] == "better"
    code, out, _ = digits("sweep", "--name", "rate")
    assert code == 0 and out.rstrip().endswith("dvc exp run -S train.learning_rate=0.01")

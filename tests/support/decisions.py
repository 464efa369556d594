"""Fixtures: a project whose registry has three versions, to decide about, and `digits` within this process.

The stages run once for all tests, also for those in other worker processes. Each test works on a copy of the project
with a store and artifacts of its own.
"""

import gzip
import hashlib
import importlib
import os
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock
from support.project import change, make_project
from support.sample import SAMPLE
from support.stores import forget_store, move_artifacts

# Models of 1, 2 and 3 epochs: of 40 images of a class one is 2.5 points, and calibration differs as well.
LIMITS = {
    "train.epochs": 2,
    "evaluate.robustness.images": 20,
    "evaluate.robustness.pictures.images": 0,
    "plot.dpi": 50,
    "plot.samples_per_class": 2,
    "register.gates.min_accuracy_low": 0.4,
    "register.gates.min_macro_f1": 0.4,
    "register.gates.max_calibration_error": 0.5,
    "register.promotion.class_margin": 0.4,
    "register.promotion.calibration_margin": 0.3,
    "register.promotion.latency_ratio": 1000.0,
}


def run_stages(*names):
    """Run stages in this process, with the parameters of the current folder."""
    from digits.params import load_params

    for name in names:
        importlib.import_module(f"stages.{name}").main(load_params())


def train_and_register(*before):
    """The stages that a version needs."""
    from digits.params import load_params
    from digits.registry.register import register
    from digits.registry.sync import record_model
    from digits.registry.versions import Registry
    from digits.tracking.store import connect

    run_stages(*before, "train", "evaluate")
    registry, params = Registry(connect(), "digits"), load_params()
    register(registry, record_model(registry, params), params.register_)


def make_versions(folder):
    """1, champion, 2 epochs; 2, worse, 1 epoch; 3, 3 epochs, on other test images. In a process of its own."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    os.chdir(folder / "project")
    change(Path("params.yaml"), LIMITS)
    train_and_register("fetch", "preprocess", "perturb")
    shutil.copytree("data/processed", folder / "first-processed")
    change(Path("params.yaml"), {"train.epochs": 1})
    train_and_register()
    change(Path("params.yaml"), {"train.epochs": 3, **other_test_images(folder / "other")})
    train_and_register("fetch", "preprocess", "perturb")


def other_test_images(folder):
    """The sample with its test images in the opposite order: other data, on which a model is exactly as good."""
    folder.mkdir()
    values = {"fetch.sources": [{"kind": "folder", "path": str(folder)}]}
    for path in SAMPLE.glob("*.gz"):
        raw = gzip.decompress(path.read_bytes())
        if path.name.startswith("t10k"):
            start, size = (16, 784) if "images" in path.name else (8, 1)
            items = [raw[at : at + size] for at in range(start, len(raw), size)]
            raw = raw[:start] + b"".join(reversed(items))
            key = "test_images" if "images" in path.name else "test_labels"
            values[f"fetch.files.{key}.sha256"] = hashlib.sha256(raw).hexdigest()
        (folder / path.stem).write_bytes(raw)
    return values


@pytest.fixture(scope="session")
def made(shared_folder):
    """The folder of the project with the versions of `make_versions`. Not to be changed."""
    folder = shared_folder / "made"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").is_file():
            (folder / "project").mkdir(parents=True)
            make_project(folder / "project")
            # In this process, another test may have started TensorFlow already, with the threads that it chose.
            with ProcessPoolExecutor(1, get_context("spawn")) as other:
                other.submit(make_versions, folder).result()
            (folder / "done").touch()
    return folder


@pytest.fixture
def store(made, tmp_path, monkeypatch):
    """Client, registry and parameters of a copy of the project, which is the current folder."""

    from digits.params import load_params
    from digits.registry.versions import Registry
    from digits.tracking.store import connect

    folder = tmp_path / "project"
    shutil.copytree(made / "project", folder, symlinks=True)
    move_artifacts(folder / "mlflow.db", made / "project", folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    client, params = connect(), load_params()
    yield SimpleNamespace(
        client=client,
        registry=Registry(client, "digits"),
        params=params,
        limits=params.register_,
        folder=folder,
        first_processed=made / "first-processed",
    )
    forget_store()


@pytest.fixture
def digits(monkeypatch, capsys):
    """Runs a command within this process; gives its exit code, output and standard error."""
    from digits.cli import app
    from digits.cli.__main__ import main

    def run(*arguments):
        app.open_registry.cache_clear()
        monkeypatch.setattr(sys, "argv", ["digits", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, *capsys.readouterr()

    return run


def assert_refused(outcome, *texts):
    """A refusal: exit code 1, and one line on standard error."""
    code, out, err = outcome
    assert code == 1 and err.startswith("digits: ") and err.count("\n") == 1, (out, err)
    for text in texts:
        assert text in err

"""Fixtures: empty MLflow stores, and a folder that is a project with none. Moving a store."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

# Where MLflow keeps absolute addresses of artifacts.
_ADDRESSES = {
    "experiments": ["artifact_location"],
    "runs": ["artifact_uri"],
    "logged_models": ["artifact_location"],
    "model_versions": ["source", "storage_location"],
}


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """A new SQLite store. MLflow takes seconds to make one, a copy takes none."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "store.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project's folder, the current one, with no store yet."""
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield tmp_path
    forget_store()


@pytest.fixture
def client(empty_store, folder, monkeypatch):
    """A client of an empty store, as `connect` gives it; the current folder is a project's."""
    from digits.tracking.store import connect

    shutil.copy(empty_store, folder / "store.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'store.db'}")
    return connect()


@pytest.fixture
def registry(client):
    """The registered model, with versions 1, 2 and 3 that have no run."""
    from digits.registry.versions import Registry

    registry = Registry(client, "digits")
    registry.create()
    for number in (1, 2, 3):
        client.create_model_version("digits", source=f"somewhere/{number}", tags={"model_sha256": f"sha{number}"})
    return registry


def forget_store():
    """Let MLflow forget the store of a test. It keeps the places of artifacts by the ids of their runs."""
    import mlflow
    from mlflow.tracking._tracking_service import utils

    mlflow.set_tracking_uri(None)
    utils._artifact_repos_cache.clear()


def move_artifacts(database, before, after):
    """Write another folder into the addresses of a store's artifacts."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, columns in _ADDRESSES.items():
            for column in columns:
                words = [f"file://{before}/", f"file://{after}/"]
                connection.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", words)


def collect_garbage(database, *run_ids):
    """Delete runs for good, as `mlflow gc` does."""
    command = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", f"sqlite:///{database}"]
    subprocess.run([*command, "--run-ids", ",".join(run_ids)], check=True, capture_output=True)

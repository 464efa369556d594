"""A store copied into another database: real stores of MLflow, read through its own client."""

import math
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.advice import refusal
from support.stores import forget_store

from digits.tracking import migrate as module
from digits.tracking.migrate import migrate


@pytest.fixture
def target(empty_store, tmp_path):
    """The file of a database as a server leaves it that nobody has used yet."""
    return shutil.copy(empty_store, tmp_path / "target.db")


@pytest.fixture
def run(client):
    """A run with all that digits writes, also what is hard to copy."""
    run = client.create_run(client.get_experiment_by_name("digits").experiment_id, run_name="ünïcode ✓")
    run_id = run.info.run_id
    for step, value in enumerate([0.1, math.nan, math.inf, -math.inf, 1e-300]):
        client.log_metric(run_id, "loss", value, timestamp=1000 + step, step=step)
    client.log_param(run_id, "train.epochs", "2")
    client.log_text(run_id, "kept", "training/a note.txt")
    client.set_terminated(run_id, end_time=2000)
    client.create_registered_model("digits", tags={"made_by": "digits"})
    for _ in range(2):
        client.create_model_version("digits", f"{run.info.artifact_uri}/training", run_id, tags={"model_sha256": "ab"})
    client.set_registered_model_alias("digits", "champion", "2")
    client.delete_run(client.create_run(run.info.experiment_id).info.run_id)
    return run_id


def rows_of(database, table):
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_all_is_there_with_the_same_ids_and_times(client, run, target, folder):
    from mlflow import MlflowClient

    before = (folder / "store.db").read_bytes()
    done = migrate(f"sqlite:///{target}", folder / "served")
    assert (folder / "store.db").read_bytes() == before
    assert (done.tables["runs"], done.tables["metrics"], done.tables["model_versions"], done.files) == (2, 5, 2, 1)
    new = MlflowClient(f"sqlite:///{target}")
    for client_ in (client, new):
        client_.copied = client_.get_run(run), client_.get_metric_history(run, "loss")
    (old_run, old_metrics), (new_run, new_metrics) = client.copied, new.copied
    assert [repr(dict(m)) for m in old_metrics] == [repr(dict(m)) for m in new_metrics] and len(new_metrics) == 5
    assert new_run.data.params == old_run.data.params and new_run.data.tags == old_run.data.tags
    assert (new_run.info.start_time, new_run.info.end_time) == (old_run.info.start_time, 2000)
    assert new.get_model_version_by_alias("digits", "champion").version == 2
    # The server allows by the number of the experiment, which comes first.
    number = old_run.info.experiment_id
    assert new_run.info.artifact_uri == f"mlflow-artifacts:/{number}/{run}/artifacts"
    assert new.get_model_version("digits", "1").source == f"{new_run.info.artifact_uri}/training"
    assert (folder / f"served/{number}/{run}/artifacts/training/a note.txt").read_text() == "kept"
    assert int(new.create_experiment("next")) > int(number)
    forget_store()


def test_a_target_that_is_not_empty_is_refused_and_stays(client, run, target, folder):
    migrate(f"sqlite:///{target}", folder / "served")
    before = target.read_bytes()
    message = refusal(migrate, f"sqlite:///{target}", folder / "served")
    assert "target.db is not empty, its table" in message and "nothing was written" in message
    assert target.read_bytes() == before


def test_interrupted_and_repeated(client, run, target, folder, monkeypatch):
    """Whatever is interrupted, the target has no rows, and the next attempt makes the same of it."""
    for name in ("_copy_files", "_copy_tables", "_set_sequences"):
        whole = getattr(module, name)

        def interrupted(*arguments, whole=whole):
            whole(*arguments)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(module, name, interrupted)
            migrate(f"sqlite:///{target}", folder / "served")
        assert rows_of(target, "runs") == 0 and rows_of(target, "experiments") == 1
    note = next((folder / "served").rglob("*.txt"))
    written = note.stat().st_mtime_ns
    assert migrate(f"sqlite:///{target}", folder / "served").tables["runs"] == 2
    assert note.stat().st_mtime_ns == written


@pytest.mark.slow
def test_killed_and_repeated_into_a_new_database(client, run, folder):
    """Killed in the middle of the rows of a database that it made itself."""
    code = (
        "import os, pathlib, sys; from digits.tracking import migrate as m; whole = m._rows\n"
        "m._rows = lambda c, t: os.kill(os.getpid(), 9) if t.name == 'metrics' else whole(c, t)\n"
        "m.migrate('sqlite:///new.db', pathlib.Path('served'))"
    )
    killed = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert migrate("sqlite:///new.db", folder / "served").tables["metrics"] == 5


def test_other_files_in_the_servers_folder_are_refused(client, run, target, folder):
    migrate(f"sqlite:///{target}", folder / "served")
    note = next((folder / "served").rglob("*.txt"))
    note.write_text("other")
    shutil.copy(folder / "store.db", folder / "other.db")
    with closing(sqlite3.connect(target)) as connection, connection:
        for table in reversed(module._tables()):
            connection.execute(f"DELETE FROM {table.name}")
    assert "is there already and is not" in refusal(migrate, f"sqlite:///{target}", folder / "served")
    assert note.read_text() == "other" and rows_of(target, "runs") == 0


@pytest.mark.parametrize(
    ("revision", "what"), [("acf3f17fdcc7", "was written by an older MLflow"), ("f" * 12, "was written by a newer")]
)
def test_another_schema_is_refused(client, target, folder, revision, what):
    with closing(sqlite3.connect(target)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
    assert what in refusal(migrate, f"sqlite:///{target}", folder / "served")


def test_tables_of_something_else_are_refused(client, folder):
    with closing(sqlite3.connect("theirs.db")) as connection:
        connection.execute("CREATE TABLE birds (name TEXT)")
    assert "has tables that are not MLflow's" in refusal(migrate, "sqlite:///theirs.db", folder / "served")


@pytest.mark.parametrize(
    ("to", "what"),
    [
        ("sqlite:///store.db", "--to names the store that is to be migrated"),
        ("http://127.0.0.1:5000", "is no address of a database"),
        ("elsewhere", "is no address of a database"),
        ("sqlite:////no/such/folder/x.db", "unable to open database file"),
    ],
)
def test_a_wrong_target_is_one_line(client, folder, to, what):
    assert what in refusal(migrate, to, folder / "served")
    assert not (folder / "served").exists()


def test_without_the_driver_one_line_says_how_to_install_it(client, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    message = refusal(migrate, "postgresql://u:secret@127.0.0.1/x", folder / "served")
    assert "pip install 'psycopg[binary]'" in message and "digits[team]" in message and "secret" not in message


def test_only_an_sqlite_store_is_migrated(folder, monkeypatch):
    assert "an SQLite store that exists" in refusal(migrate, "sqlite:///target.db", folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert "an SQLite store that exists" in refusal(migrate, "sqlite:///target.db", folder)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
METRIC = st.tuples(TEXT, st.floats(allow_nan=False), st.booleans(), st.integers(-(2**40), 2**40))


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(metrics=st.lists(METRIC, max_size=20), tags=st.dictionaries(TEXT, TEXT, max_size=10))
def test_any_rows_are_counted_and_alike_on_both_sides(empty_store, tmp_path, metrics, tags):
    databases = [shutil.copy(empty_store, tmp_path / name) for name in ("from.db", "to.db")]
    engines = [sqlalchemy.create_engine(f"sqlite:///{database}") for database in databases]
    tables = {table.name: table for table in module._tables()}
    run = {"run_uuid": "r", "experiment_id": 0, "lifecycle_stage": "active"}
    values = [
        {"run_uuid": "r", "key": k, "value": v, "is_nan": n, "step": s, "timestamp": i}
        for i, (k, v, n, s) in enumerate(metrics)
    ]
    try:
        with engines[0].begin() as reader, engines[1].begin() as writer:
            reader.execute(tables["runs"].insert(), run)
            for name, rows in [
                ("metrics", values),
                ("tags", [{"run_uuid": "r", "key": k, "value": v} for k, v in tags.items()]),
            ]:
                if rows:
                    reader.execute(tables[name].insert(), rows)
            module._refuse_rows(writer, "to")
            counts = module._copy_tables(reader, writer, module._Places(reader))
            assert (counts["metrics"].rows, counts["tags"].rows) == (len(metrics), len(tags))
            for name in ("metrics", "tags", "runs"):
                both = [sorted(map(repr, side.execute(tables[name].select()))) for side in (reader, writer)]
                assert both[0] == both[1]
    finally:
        for engine in engines:
            engine.dispose()

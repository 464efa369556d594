"""A real server of a team: PostgreSQL, MLflow with users, Caddy. `make test-scale` has what it needs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.project import ROOT, environment

from digits.files import sha256_file

pytestmark = pytest.mark.scale
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from deploy.local import LocalServer

    with LocalServer(tmp_path_factory.mktemp("team") / "server") as server:
        yield server


@pytest.fixture(scope="module")
def team(server, tmp_path_factory):
    """The demo's people. A candidate is trained."""
    from deploy.demo import Team

    team = Team(tmp_path_factory.mktemp("clones"), server)
    team.train()
    return team


def script(server, name, *arguments, code=0):
    """Run a script of deploy/ with PostgreSQL's own programs."""
    programs = {str(Path(server._programs[one]).parent) for one in ("pg_dump", "psql")}
    path = os.pathsep.join([*programs, os.environ["PATH"]])
    command = [str(DEPLOY / name), *map(str, arguments)]
    done = subprocess.run(command, env=environment(PATH=path), capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return (done.stdout if code == 0 else done.stderr).strip()


def counts(server, database):
    """Rows by table."""
    tables = server.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database).split()
    return {name: int(server.sql(f'SELECT count(*) FROM "{name}"', database)) for name in tables}


def hashes(folder):
    return {path.relative_to(folder): sha256_file(path) for path in folder.rglob("*") if path.is_file()}


def test_every_socket_is_of_loopback(server):
    found = server.listening()
    assert {name for name, _ in found} >= {"caddy", "postgres"} and len(found) >= 3
    assert all(address.startswith("127.0.0.1:") for _, address in found)


def test_the_server_refuses_who_may_not_promote(team):
    team.only_promoters_promote()
    team.nobody_gets_in_without_a_password()


def test_a_second_clone_has_it_all_without_training(team):
    team.second_clone_has_it_without_training()


def test_of_two_promotions_at_once_one_wins(team):
    team.train("train.epochs=3")
    team.train("train.seed=7")
    petra = team.people["petra"]
    petra.run("git", "pull", "-q")
    petra.run("dvc", "pull", "-q")
    team.race()
    assert "rolled back" not in petra.run("digits", "history")


def test_a_reader_does_not_roll_back(team):
    before = team.champion(), counts(team.server, "mlflow")
    said = team.people["rita"].run("digits", "rollback", code=1)
    assert f"does not allow user rita to roll back, champion stays {before[0]}" in said.splitlines()[-1]
    assert (team.champion(), counts(team.server, "mlflow")) == before


def test_backup_and_restore(server, tmp_path, monkeypatch):
    from mlflow import MlflowClient

    for name, value in server.client().items():
        monkeypatch.setenv(name, value)
    client = MlflowClient(server.uri)
    client.log_text(client.create_run("0").info.run_id, "kept", "a note.txt")
    where = (server.artifacts, server.database, server.users_database)
    first = Path(script(server, "backup.sh", tmp_path / "backups", *where))
    for name in ("restored", "restored_auth"):
        server.sql(f"CREATE DATABASE {name}")
    place = (tmp_path / "artifacts", server._address("restored"), server._address("restored_auth"))
    script(server, "restore.sh", first, *place)
    assert counts(server, "restored") == counts(server, "mlflow")
    assert counts(server, "restored_auth") == counts(server, "mlflow_auth")
    assert hashes(tmp_path / "artifacts") == hashes(server.artifacts) != {}
    assert "is not empty: nothing was restored" in script(server, "restore.sh", first, *place, code=1)
    shutil.rmtree(tmp_path / "artifacts")
    assert "tables: nothing was restored" in script(server, "restore.sh", first, *place, code=1)
    dump = first / "tracking.dump"
    dump.write_bytes(dump.read_bytes()[:-1])
    assert "is damaged: nothing was restored" in script(server, "restore.sh", first, *place, code=1)


def test_a_store_moves_into_postgresql(server, client, folder, monkeypatch):
    """All is read as before, and the numbers that PostgreSQL gives go on from there."""
    from mlflow import MlflowClient

    from digits.errors import DigitsError
    from digits.tracking.migrate import migrate

    run = client.create_run(client.get_experiment_by_name("digits").experiment_id)
    for step, value in enumerate([0.1, float("nan"), float("inf"), -float("inf"), 1e-300]):
        client.log_metric(run.info.run_id, "loss", value, step=step)
    client.log_text(run.info.run_id, "kept", "note.txt")
    before = [repr(dict(one)) for one in client.get_metric_history(run.info.run_id, "loss")]
    server.sql("CREATE DATABASE moved")
    done = migrate(server._address("moved"), folder / "served")
    assert done.files == 1
    assert {name: rows for name, rows in counts(server, "moved").items() if rows} == done.tables | {
        "alembic_version": 1
    }
    new = MlflowClient(server._address("moved").replace("postgresql:", "postgresql+psycopg:"))
    assert [repr(dict(one)) for one in new.get_metric_history(run.info.run_id, "loss")] == before
    assert int(new.create_experiment("next")) == int(run.info.experiment_id) + 1
    with pytest.raises(DigitsError, match="is not empty, its table"):
        migrate(server._address("moved"), folder / "served")

"""Servers and databases that do not answer as they should: the cause and the way out, in one line."""

import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from digits.errors import DigitsError
from digits.tracking.store import connect

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


@pytest.fixture
def server():
    """Starts a server that gives the same answer to everything; returns its address."""
    running = []

    def start(status, body, content_type="application/json"):
        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                text = body.get(self.path, body.get("*", "")) if isinstance(body, dict) else body
                self.send_response(200 if isinstance(body, dict) and self.path in body else status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, *_):
                pass

        one = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=one.serve_forever, daemon=True).start()
        running.append(one)
        return f"127.0.0.1:{one.server_port}"

    yield start
    for one in running:
        one.shutdown()
        one.server_close()


@pytest.fixture
def refusal(folder, monkeypatch):
    """Connects to an address, and gives the one line that comes of it."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    def of(uri, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        with pytest.raises(DigitsError) as refused:
            connect()
        line = str(refused.value)
        assert "\n" not in line and "s3cret" not in line and len(line) < 400
        return line

    return of


def test_a_user_that_is_missing_or_unknown(server, refusal):
    host = server(401, "You are not authenticated.", "text/plain")
    line = refusal(f"http://{host}")
    assert "asks for a user: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in line
    line = refusal(f"http://{host}", MLFLOW_TRACKING_USERNAME="ann", MLFLOW_TRACKING_PASSWORD="s3cret")
    assert "does not know user ann with this password" in line
    assert "http://ann:***@" in refusal(f"http://ann:s3cret@{host}")


def test_a_right_that_is_missing(server, refusal):
    line = refusal(f"http://{server(403, 'Permission denied', 'text/plain')}", MLFLOW_TRACKING_USERNAME="ann")
    assert "refuses user ann the right to do this: ask its administrator" in line


def test_a_server_that_is_no_mlflow(server, refusal):
    line = refusal(f"http://{server(404, '<html>Not Found</html>', 'text/html')}")
    assert "has no MLflow at this address (404): check MLFLOW_TRACKING_URI" in line


def test_a_server_with_an_error_of_its_own(server, refusal):
    assert "look into the server's log" in refusal(f"http://{server(500, 'oops', 'text/plain')}")


def test_an_old_server_is_known_before_training(server, refusal):
    import mlflow

    line = refusal(f"http://{server(404, {'/version': '2.22.0'}, 'text/plain')}")
    assert f"is version 2.22.0, this project has {mlflow.__version__}: upgrade the server" in line


def test_nothing_listens(refusal):
    line = refusal("http://127.0.0.1:9")
    assert "does not answer (Connection refused): start it, or unset MLFLOW_TRACKING_URI" in line


def test_a_name_that_is_nowhere(refusal):
    line = refusal("http://nowhere.invalid:5000")
    assert "does not answer (" in line and "start it" in line


def test_a_proxy_is_named(refusal):
    line = refusal("http://mlflow.invalid", HTTP_PROXY="http://127.0.0.1:9")
    assert "is asked for through the proxy of HTTP_PROXY, which does not answer: unset it, or set NO_PROXY" in line


@pytest.mark.parametrize(
    ("uri", "package"),
    [
        ("postgresql+psycopg2://u:s3cret@127.0.0.1/x", "psycopg2-binary"),
        ("mysql://u:s3cret@127.0.0.1/x", "mysqlclient"),
    ],
)
def test_a_missing_driver_is_named(refusal, uri, package):
    assert f"needs the package {package}: `.venv/bin/python -m pip install '{package}'`" in refusal(uri)


def test_a_database_of_another_version(refusal, folder, empty_store):
    import shutil

    shutil.copy(empty_store, folder / "mlflow.db")
    for revision, words in (("0" * 12, "was written by a newer MLflow than the locked one"),):
        with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
            database.execute("UPDATE alembic_version SET version_num = ?", [revision])
        assert words in refusal("sqlite:///mlflow.db")


@pytest.mark.slow
def test_an_older_database_is_upgraded_by_the_command_that_is_named(refusal, folder, empty_store):
    """The last migration is taken back, which is what an older MLflow would have left."""
    import shutil
    import subprocess
    import sys

    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "mlflow:store/db_migrations")
    script = ScriptDirectory.from_config(config)
    shutil.copy(empty_store, folder / "mlflow.db")
    before = script.get_revision(script.get_current_head()).down_revision
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", [before])
    line = refusal("sqlite:///mlflow.db")
    assert "was written by an older MLflow: make a copy of it, then `mlflow db upgrade sqlite:///" in line
    command = line.partition("then `")[2].partition("`")[0].split()
    done = subprocess.run([sys.executable, "-m", *command], check=False, capture_output=True, text=True)
    # The tables are those of today, so the migration itself finds them there: the command was understood.
    assert done.returncode == 0 or "already exists" in done.stderr or "duplicate column" in done.stderr, done.stderr

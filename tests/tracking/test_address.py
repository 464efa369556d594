"""The address of the store, as shells, files of variables and secrets give it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.stores import forget_store

from digits.errors import DigitsError
from digits.tracking.address import is_named, is_server, shown, sqlite_file, tracking_uri


@pytest.fixture
def named(folder, monkeypatch):
    """Sets the address, in a project's folder."""
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    return lambda uri: monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("", "sqlite:///{folder}/mlflow.db"),
        ("   \n", "sqlite:///{folder}/mlflow.db"),
        ("sqlite:///mlflow.db\n", "sqlite:///{folder}/mlflow.db"),
        ("\tsqlite:///sub/x.db ", "sqlite:///{folder}/sub/x.db"),
        ("sqlite+pysqlite:///x.db", "sqlite:///{folder}/x.db"),
        ("sqlite:////abs/x.db", "sqlite:////abs/x.db"),
        ("sqlite:///x.db?timeout=5", "sqlite:///{folder}/x.db?timeout=5"),
        ("sqlite:////a%20b/x%3F.db", "sqlite+pysqlite:////a%20b/x%3F.db"),
        ("http://127.0.0.1:5000/\n", "http://127.0.0.1:5000"),
        ("https://u:p@host/prefix/", "https://u:p@host/prefix"),
        ("postgresql://u:p@host/db", "postgresql://u:p@host/db"),
    ],
)
def test_an_address_is_stripped_and_anchored(folder, named, uri, expected):
    named(uri)
    assert tracking_uri() == expected.format(folder=folder)
    assert is_named() == bool(uri.strip())


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("sqlite:///ml\nflow.db", "has the control character '\\n'"),
        ("http://127.0.0.1:5000\x00x".replace("\x00", "\x07"), "has the control character '\\x07'"),
        ("mlflow.db", "is a path: MLflow keeps runs in a database, write sqlite:///mlflow.db"),
        ("./mlruns", "is a path"),
        ("/srv/mlruns", "is a path"),
        ("sqlite://", "name a database file"),
        ("sqlite:///:memory:", "name a database file"),
        ("sqlite:///file:x.db?uri=true", "name a database file"),
    ],
)
def test_a_strange_address_is_refused_in_one_line(named, uri, words):
    named(uri)
    with pytest.raises(DigitsError) as refused:
        tracking_uri()
    assert words in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["a b", "a?b", "a%20b", "a#b", "ü", "a+b", "a;b", "a&b=c", "a'b", "%"])
def test_a_project_may_lie_in_any_folder(tmp_path, monkeypatch, name):
    """The store is beside params.yaml and nowhere else, whatever characters the path has."""

    from digits.tracking.store import connect

    folder = tmp_path / name
    folder.mkdir()
    for file in ("dvc.yaml", "params.yaml"):
        (folder / file).touch()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert sqlite_file(tracking_uri()) == folder / "mlflow.db"
    if name in ("a b", "a?b", "a%20b", "a#b"):
        client = connect()
        run = client.create_run(client.get_experiment_by_name("digits").experiment_id)
        client.log_text(run.info.run_id, "here", "note.txt")
        assert len(list((folder / "mlartifacts").rglob("note.txt"))) == 1
        forget_store()
        assert (folder / "mlflow.db").is_file() and [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("same", [True, False])
def test_one_project_has_one_store(folder, named, monkeypatch, same):
    named("sqlite:///mine.db")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "sqlite:///mine.db\n" if same else "sqlite:///other.db")
    if same:
        assert tracking_uri() == f"sqlite:///{folder}/mine.db"
    else:
        with pytest.raises(DigitsError, match="one project has one store, unset MLFLOW_REGISTRY_URI"):
            tracking_uri()


@given(st.text(alphabet="abc:/@%-._~!*", min_size=1, max_size=12))
def test_no_message_shows_a_password(password):
    for scheme in ("http", "https", "postgresql", "mysql+pymysql"):
        uri = f"{scheme}://user:{password.replace('/', '%2F').replace('@', '%40')}-s3cret@host:5000/path?sslkey=s3cret"
        assert "s3cret" not in shown(uri) and shown(uri).startswith(f"{scheme}://user:***@host")


def test_what_is_no_secret_stays():
    for uri in ("http://127.0.0.1:5000", "sqlite:////a/b.db", "https://host/prefix"):
        assert shown(uri) == uri
    assert is_server("https://x") and not is_server("sqlite:///x.db")

"""Why a store does not answer, in one line that names the cause and the way out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from digits.errors import DigitsError, one_line
from digits.tracking.address import is_server, shown, tracking_uri

_LONGEST = 160
# What the innermost error of a connection says, in the words of every platform.
_CONNECTION = re.compile(
    r"Connection refused|Name or service not known|Temporary failure in name resolution|nodename nor servname"
    r"|No route to host|Network is unreachable|timed out|certificate verify failed[^'\")]*|Connection reset by peer",
    re.IGNORECASE,
)
_STATUS = re.compile(r"(?:error code|too many) (\d{3})|\b(40[134]) (?:Client Error|Unauthorized|Forbidden|Not Found)")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_PACKAGES = {
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
}


def unreachable(uri: str, error: Exception) -> str:
    """One line for an error of opening a store.

    Args:
        uri: of the store.
        error: whatever MLflow, requests, SQLAlchemy or a driver raised.
    """
    text = _chain(error)
    store = f"the MLflow store {shown(uri)}"
    if isinstance(error, ModuleNotFoundError):
        package = _PACKAGES.get(error.name or "", error.name)
        return f"{store} needs the package {package}: `.venv/bin/python -m pip install '{package}'`"
    if is_server(uri):
        return _of_server(store, text, _status(error, text))
    if found := re.search(r"out-of-date database schema \(found version (\w+)", text):
        if _is_known(found[1]):
            address = uri if uri == shown(uri) else '"$MLFLOW_TRACKING_URI"'
            return f"{store} was written by an older MLflow: make a copy of it, then `mlflow db upgrade {address}`"
        return f"{store} was written by a newer MLflow than the locked one: use that version, or another store"
    if "database is locked" in text:
        return f"{store} is held by another program, which is writing: close that, then run the same command again"
    reason = _CONNECTION.search(text)
    return f"{store} does not answer ({reason[0] if reason else _cut(text)}): start it, or unset MLFLOW_TRACKING_URI"


@contextmanager
def allowed(what: str) -> Iterator[None]:
    """One line for what a server does not allow.

    Args:
        what: the user wants, as in "to promote".

    Raises:
        DigitsError: the server answered 403.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if _status(error, str(error)) != 403:
            raise
        user = os.environ.get("MLFLOW_TRACKING_USERNAME") or "(none)"
        raise DigitsError(
            f"the MLflow store {shown(tracking_uri())} does not allow user {user} {what}: ask its administrator for "
            "the right"
        ) from None


def _of_server(store: str, text: str, status: int | None) -> str:
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    if status == 401:
        whom = f"does not know user {user} with this password" if user else "asks for a user"
        return f"{store} {whom}: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    if status == 403:
        return f"{store} refuses user {user or '(none)'} the right to do this: ask its administrator for it"
    if status == 404:
        return (
            f"{store} has no MLflow at this address (404): check MLFLOW_TRACKING_URI, also for a path behind the port"
        )
    proxy = next((name for name in _PROXIES if os.environ.get(name)), None)
    if "ProxyError" in text or "Cannot connect to proxy" in text or (proxy and "Tunnel connection failed" in text):
        return f"{store} is asked for through the proxy of {proxy}, which does not answer: unset it, or set NO_PROXY"
    if status is not None:
        return f"{store} answers with an error ({status}: {_cut(text)}): look into the server's log"
    reason = _CONNECTION.search(text)
    return (
        f"{store} does not answer ({reason[0] if reason else _cut(text)}): start it, or unset MLFLOW_TRACKING_URI to "
        "use mlflow.db"
    )


def _chain(error: BaseException) -> str:
    """What an error says, and then its causes: MLflow cuts the reason out of the text of a connection's error."""
    texts: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        texts.append(" ".join(str(cause).split()) or type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    return " ← ".join(texts)


def _is_known(revision: str) -> bool:
    """Whether the installed MLflow knows a version of the database's tables."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "mlflow:store/db_migrations")
    return revision in {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def _status(error: Exception, text: str) -> int | None:
    """The HTTP status that a server gave, or None where it gave none."""
    if found := _STATUS.search(text):
        return int(found[1] or found[2])
    response = getattr(error, "response", None)
    return getattr(response, "status_code", None)


def _cut(text: str) -> str:
    """The start of a long reason."""
    text = one_line(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"

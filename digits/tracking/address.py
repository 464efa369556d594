"""The address of the MLflow store: read from the shell, anchored at the project, and shown without its password."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote

from digits import paths
from digits.errors import DigitsError, one_line

_VARIABLE = "MLFLOW_TRACKING_URI"
_REGISTRY_VARIABLE = "MLFLOW_REGISTRY_URI"
_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///(?P<path>[^?]*)(?P<query>\?.*)?")
# SQLAlchemy reads these characters of a path as something else.
_ODD = re.compile(r"[%?#]")


def is_named() -> bool:
    """Whether the shell names a store."""
    return bool(os.environ.get(_VARIABLE, "").strip())


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, else the SQLite store `mlflow.db` of the main working copy.

    A relative SQLite path starts at the main working copy, because the copies that DVC's queue works in are deleted.
    White space around the address, as files of variables leave it, does not count.

    Raises:
        DigitsError: the address has control characters, is a plain path, or names a store that would be lost; or the
            registry is to be elsewhere.
    """
    uri = _read(_VARIABLE) or "sqlite:///mlflow.db"
    address = _canonical(uri)
    registry = _read(_REGISTRY_VARIABLE)
    if registry and _canonical(registry) != address:
        raise DigitsError(
            f"{_REGISTRY_VARIABLE} is {shown(registry)}, but runs are in {shown(address)}: one project has one store, "
            f"unset {_REGISTRY_VARIABLE}"
        )
    # MLflow would take it as it is, with the white space around it.
    os.environ.pop(_REGISTRY_VARIABLE, None)
    return address


def is_server(uri: str) -> bool:
    """Whether a tracking URI is that of a server."""
    return uri.startswith(("http:", "https:"))


def sqlite_file(uri: str) -> Path | None:
    """The database file of an SQLite address, or None."""
    match = _SQLITE.fullmatch(uri)
    return paths.project_root() / unquote(match["path"]) if match else None


def shown(uri: str) -> str:
    """An address for a message: the password is hidden, and so is what a query may hold."""
    return re.sub(r"\?.*", "?…", one_line(uri))


def _read(variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    if bad := next((character for character in value if not character.isprintable()), None):
        raise DigitsError(f"{variable} has the control character {bad!r} in it: set it anew")
    return value


def _canonical(uri: str) -> str:
    match = _SQLITE.fullmatch(uri)
    if match is None:
        if uri.startswith("sqlite"):
            raise DigitsError(f"{_VARIABLE} = {uri}: name a database file, as in sqlite:///mlflow.db")
        if not re.match(r"\w[\w+.-]*:|databricks", uri):
            raise DigitsError(
                f"{_VARIABLE} = {uri} is a path: MLflow keeps runs in a database, write sqlite:///{uri} or the "
                "address of a server"
            )
        return uri.rstrip("/") if is_server(uri) else uri
    path = unquote(match["path"])
    if path in ("", ":memory:") or path.startswith("file:"):
        raise DigitsError(f"{_VARIABLE} = {uri}: name a database file, as in sqlite:///mlflow.db")
    file, query = str(paths.project_root() / path), match["query"] or ""
    # With this driver's name MLflow does not make the folder of the quoted path.
    return f"sqlite+pysqlite:///{quote(file)}{query}" if _ODD.search(file) else f"sqlite:///{file}{query}"

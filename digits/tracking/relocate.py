"""Giving an SQLite store its new place, after the project's folder was moved or copied.

MLflow keeps absolute addresses of artifacts in its database (mlflow/mlflow issue 3144).
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from filelock import FileLock

from digits import paths
from digits.errors import DigitsError
from digits.tracking import address
from digits.tracking.store import ARTIFACTS, EXPERIMENT, local_path

# Tables and columns of MLflow 3 that hold addresses of artifacts.
ADDRESSES = {
    "experiments": ["artifact_location"],
    "runs": ["artifact_uri"],
    "logged_models": ["artifact_location"],
    "model_versions": ["source", "storage_location"],
}


def relocate() -> tuple[Path, Path, int]:
    """Write the present folder into the addresses of the project's SQLite store. A copy of the database is kept.

    Returns:
        The former folder, the present one, and the number of addresses that were changed.

    Raises:
        DigitsError: the store is no SQLite file, is in its place already, or its artifacts are elsewhere.
    """
    file = address.sqlite_file(address.tracking_uri())
    if file is None or not file.is_file():
        raise DigitsError(
            "`digits relocate` is for an SQLite store that exists; a server knows where its artifacts are"
        )
    with FileLock(paths.state() / "store.lock"), closing(sqlite3.connect(file)) as database:
        row = database.execute("SELECT artifact_location FROM experiments WHERE name = ?", [EXPERIMENT]).fetchone()
        location = local_path(row[0]) if row else None
        if location is None:
            raise DigitsError(f"the MLflow store {file} keeps no artifacts in a folder: there is nothing to relocate")
        before, after = location.parent, file.parent
        if before == after:
            raise DigitsError(f"the addresses of {file} name its own folder already: there is nothing to relocate")
        if not (after / ARTIFACTS).is_dir():
            raise DigitsError(f"{after / ARTIFACTS} is missing: bring the artifacts there first, from {location}")
        shutil.copy2(file, file.with_name(f"{file.name}.before-relocate"))
        with database:
            changed = sum(
                _replace(database, table, column, before, after)
                for table, columns in ADDRESSES.items()
                for column in columns
            )
    return before, after, changed


def _replace(database: sqlite3.Connection, table: str, column: str, before: Path, after: Path) -> int:
    # The names are ours, not a user's.
    command = f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?"
    old, new = (f"{folder.as_uri()}/" for folder in (before, after))
    return database.execute(command, [new, len(old) + 1, len(old), old]).rowcount

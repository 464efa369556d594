"""The project's SQLite store, copied into an empty database of a tracking server: same ids, times and bytes.

MLflow has no such tool: `mlflow migrate-filestore` goes the other way, mlflow-export-import makes runs with new ids.
Files are copied first, each complete or absent, and rows in one transaction that ends last. So a migration that was
interrupted left an empty database, and the next one goes on where it was.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from digits.errors import DigitsError, one_line
from digits.files import atomic_path, sha256_file
from digits.tracking import address
from digits.tracking.relocate import ADDRESSES
from digits.tracking.store import connect, local_path
from digits.tracking.unreachable import unreachable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

# What a server with `--serve-artifacts` calls its `--artifacts-destination`.
_SERVED = "mlflow-artifacts:/"
# Rows in memory at once.
_ROWS = 5000
# Rows that MLflow writes into a new database by itself. The source has them as well, and its own count.
_OF_A_NEW_ONE = {"workspaces": 1, "experiments": 1, "experiment_tags": 0}
_MODULO = 2**256


@dataclass(frozen=True)
class Migrated:
    """What a migration copied and verified.

    Attributes:
        tables: rows by table, in the order of writing, without empty tables. Both sides have so many, of equal content.
        files: how many files of artifacts there are, all with the SHA-256 of their source.
        size: of these in bytes.
    """

    tables: dict[str, int]
    files: int
    size: int


@dataclass
class _Count:
    """Rows of a table and a hash of them that does not depend on their order: databases sort text in different ways."""

    rows: int = 0
    digest: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        text = repr(sorted(row.items())).encode("utf-8", "surrogatepass")
        self.rows += 1
        self.digest = (self.digest + int.from_bytes(hashlib.sha256(text).digest())) % _MODULO


def migrate(target: str, folder: Path) -> Migrated:
    """Copy the project's SQLite store and its artifacts to where a tracking server is to find them.

    Args:
        target: address of an empty database, such as postgresql://user:password@localhost/mlflow.
        folder: the server's `--artifacts-destination` on this disk. It is made if need be.

    Raises:
        DigitsError: the source is no SQLite store that exists; the target is not empty, cannot be reached or has tables
            of another MLflow; a folder of artifacts is missing; or a copy is not what the source is. The target has no
            rows then.
    """
    file = address.sqlite_file(address.tracking_uri())
    if file is None or not file.is_file():
        raise DigitsError("`digits migrate` is for an SQLite store that exists: unset MLFLOW_TRACKING_URI, or name one")
    # Of a store that was moved, or is of another MLflow, this says so.
    connect()
    import sqlalchemy

    uri = _with_driver(target)
    if (other := address.sqlite_file(uri)) and other.resolve() == file.resolve():
        raise DigitsError(f"--to names the store that is to be migrated, {file}: name an empty database")
    source = sqlalchemy.create_engine(f"sqlite:///{file}")
    try:
        engine = _open(uri)
        with source.connect() as reader, engine.connect() as writer, writer.begin():
            # Of what others write meanwhile, either all is copied or nothing: SQLite's driver begins no transaction.
            reader.exec_driver_sql("BEGIN")
            _refuse_rows(writer, uri)
            places = _Places(reader)
            files = dict(places.files())
            size = _copy_files(files, folder)
            tables = _copy_tables(reader, writer, places)
            _set_sequences(writer)
        engine.dispose()
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise DigitsError(unreachable(uri, error)) from None
    finally:
        source.dispose()
    return Migrated({name: count.rows for name, count in tables.items() if count.rows}, len(files), size)


def _with_driver(uri: str) -> str:
    """The address with the driver of the extra `team`, where it names none."""
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", uri.strip())


def _open(uri: str) -> Engine:
    """The target, with MLflow's tables, which are made if need be.

    Raises:
        DigitsError: its driver is not installed, it does not answer, or it has tables of another MLflow.
    """
    import sqlalchemy
    from mlflow.exceptions import MlflowException
    from mlflow.store.db import utils

    try:
        engine = sqlalchemy.create_engine(uri)
    except ModuleNotFoundError as error:
        raise DigitsError(
            f"--to {address.shown(uri)} needs the package {error.name}: `.venv/bin/python -m pip install "
            "'psycopg[binary]'`, or install the project with its extra: `digits[team]`"
        ) from None
    except sqlalchemy.exc.ArgumentError:
        raise DigitsError(
            f"--to {address.shown(uri)} is no address of a database: write postgresql://USER:PASSWORD@HOST/NAME"
        ) from None
    try:
        present = {name for name in sqlalchemy.inspect(engine).get_table_names() if not name.startswith("alembic_")}
        if utils._get_schema_version(engine) is None:
            # A first attempt may have been killed among the first tables.
            if present - set(utils.InitialBase.metadata.tables):
                raise DigitsError(f"{address.shown(uri)} has tables that are not MLflow's: name an empty database")
            utils._initialize_tables(engine)
        utils._verify_schema(engine)
    except (sqlalchemy.exc.SQLAlchemyError, MlflowException) as error:
        raise DigitsError(unreachable(uri, error)) from None
    return engine


def _tables() -> list[Table]:
    """All tables of MLflow, those first that others refer to."""
    from mlflow.store.db import utils

    return list(utils.Base.metadata.sorted_tables)


def _refuse_rows(writer: Connection, uri: str) -> None:
    """Refuse a target that has more than a new database; clear what a new one has, for the source's own rows.

    Raises:
        DigitsError: it has.
    """
    import sqlalchemy

    for table in reversed(_tables()):
        rows = writer.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(table)).scalar_one()
        if rows > _OF_A_NEW_ONE.get(table.name, 0):
            raise DigitsError(
                f"{address.shown(uri)} is not empty, its table {table.name} has {rows:,} rows: nothing was written, "
                "name an empty database"
            )
        if rows:
            writer.execute(table.delete())


class _Places:
    """Where the artifacts are, and where the server will find them: in a folder of their experiment's number.

    The server itself keeps new ones so, and MLflow's permissions go by that number.
    """

    def __init__(self, reader: Connection) -> None:
        import sqlalchemy

        def read(query: str) -> Iterator[tuple[Path, Path, str]]:
            for address_, experiment, root in reader.execute(sqlalchemy.text(query)):
                here, above = local_path(address_ or ""), local_path(root or "")
                if address_ and root and here and above and here.is_relative_to(above):
                    yield here, above, str(experiment)

        experiments = reader.execute(sqlalchemy.text("SELECT experiment_id, artifact_location FROM experiments"))
        self._roots = dict(tuple(row) for row in experiments)
        query = "SELECT t.{}, e.experiment_id, e.artifact_location FROM {} t JOIN experiments e USING (experiment_id)"
        self._folders = {
            here: PurePosixPath(experiment) / here.relative_to(above).as_posix()
            for table, column in (("runs", "artifact_uri"), ("logged_models", "artifact_location"))
            for here, above, experiment in read(query.format(column, table))
        }

    def served(self, row: Mapping[str, Any], column: str) -> str | None:
        """The address in a column as the server has it. One that is not on this disk, or not there, stays as it is.

        Raises:
            DigitsError: it is on this disk, in the folder of no run and no logged model.
        """
        location: str | None = row[column]
        here = local_path(location) if location else None
        if here is None:
            return location
        if location == self._roots.get(row.get("experiment_id")):
            return f"{_SERVED}{row['experiment_id']}"
        for folder in (here, *here.parents):
            if folder in self._folders:
                return f"{_SERVED}{self._folders[folder] / here.relative_to(folder).as_posix()}"
        if here.exists():
            raise DigitsError(f"the store names artifacts in {here}, which is not in the folder of their experiment")
        return location

    def files(self) -> Iterator[tuple[str, Path]]:
        """Each file of a run or of a logged model: its place within the server's folder, and where it is."""
        for here, place in self._folders.items():
            # A run without artifacts has no folder.
            for path in sorted(here.rglob("*")):
                if path.is_file():
                    yield str(place / path.relative_to(here).as_posix()), path


def _copy_files(files: Mapping[str, Path], folder: Path) -> int:
    """Copy files, complete or absent. One that is there already with the same bytes stays.

    Returns the size of all in bytes.

    Raises:
        DigitsError: another file is in the place of one, or a copy has other bytes.
    """
    size = 0
    for name, path in files.items():
        place, wanted = folder / name, sha256_file(path)
        size += path.stat().st_size
        if place.is_file():
            if sha256_file(place) != wanted:
                raise DigitsError(f"{place} is there already and is not {path}: name an empty folder with --artifacts")
            continue
        with atomic_path(place) as part:
            shutil.copyfile(path, part)
        if sha256_file(place) != wanted:
            raise DigitsError(f"{place} has other bytes than {path} after it was copied: run the same command again")
    return size


def _copy_tables(reader: Connection, writer: Connection, places: _Places) -> dict[str, _Count]:
    """Copy all rows, and read them again.

    Raises:
        DigitsError: the target has not what was written; or refuses a row.
    """
    import sqlalchemy

    counts: dict[str, _Count] = {}
    for table in _tables():
        written, read = _Count(), _Count()
        try:
            for rows in _rows(reader, table):
                for row in rows:
                    for column in ADDRESSES.get(table.name, ()):
                        row[column] = places.served(row, column)
                    written.add(row)
                writer.execute(table.insert(), rows)
        except sqlalchemy.exc.DBAPIError as error:
            reason = one_line(error.orig)[:200]
            raise DigitsError(f"table {table.name}: the target refuses a row ({reason}); nothing was written") from None
        for rows in _rows(writer, table):
            for row in rows:
                read.add(row)
        if written != read:
            raise DigitsError(
                f"table {table.name}: {written.rows:,} rows were written and {read.rows:,} are read, or their content "
                "differs; nothing was kept"
            )
        counts[table.name] = written
    return counts


def _rows(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """The rows of a table, some at a time."""
    with closing(connection.execute(table.select(), execution_options={"yield_per": _ROWS})) as result:
        for part in result.mappings().partitions():
            yield [dict(row) for row in part]


def _set_sequences(writer: Connection) -> None:
    """Let PostgreSQL count on from the highest number that was copied. SQLite does so by itself."""
    import sqlalchemy

    if writer.dialect.name != "postgresql":
        return
    for table in _tables():
        for column in table.primary_key:
            sequence = writer.execute(
                sqlalchemy.text("SELECT pg_get_serial_sequence(:table, :column)"),
                {"table": table.name, "column": column.name},
            ).scalar()
            highest = writer.execute(sqlalchemy.select(sqlalchemy.func.max(column))).scalar() if sequence else None
            if highest is not None:
                writer.execute(sqlalchemy.text("SELECT setval(:name, :value)"), {"name": sequence, "value": highest})

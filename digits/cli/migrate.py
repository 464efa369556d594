"""`digits migrate`"""

from pathlib import Path
from typing import Annotated

import typer

from digits.cli.app import enter_project


def migrate(
    to: Annotated[str, typer.Option(metavar="URI", help="Empty database, as postgresql://USER:PASSWORD@HOST/NAME.")],
    artifacts: Annotated[Path, typer.Option(metavar="DIR", help="The server's --artifacts-destination.")],
) -> None:
    """Copy the SQLite store into the empty database of a tracking server: same ids, times and bytes.

    Example: `digits migrate --to postgresql://mlflow@localhost/mlflow --artifacts /srv/mlflow/artifacts`
    """
    from digits.tracking import migrate as act

    artifacts = artifacts.absolute()
    enter_project()
    done = act.migrate(to, artifacts)
    width = max(map(len, done.tables))
    for name, rows in done.tables.items():
        typer.echo(f"{name:{width}}  {rows:>9,}")
    typer.echo(
        f"digits: {sum(done.tables.values()):,} rows of {len(done.tables)} tables and {done.files:,} files "
        f"({done.size / 1e6:.1f} MB) are there, and read back alike"
    )

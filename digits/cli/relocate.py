"""`digits relocate`"""

import typer

from digits.cli.app import enter_project


def relocate() -> None:
    """Tell the MLflow store its new place, after the project's folder was moved or copied.

    Example: `mv digits elsewhere && cd elsewhere && digits relocate`
    """
    from digits.tracking import relocate as act

    enter_project()
    before, after, changed = act.relocate()
    typer.echo(f"digits: {changed} addresses of artifacts that named {before} name {after} now")

"""`digits review`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digits.cli.app import enter_project, open_registry, project_params

review = typer.Typer(no_args_is_help=True, help="Judge a pull request, after the pipeline ran on it.")


@review.command()
def verdict(
    base: Annotated[str, typer.Argument(metavar="REV", help="Git revision that it would be merged into.")],
    output: Annotated[str, typer.Option(metavar="FILE", help="Write it there, not to standard output.")] = "",
    pictures: Annotated[str, typer.Option(metavar="TEXT", help="Where a person finds the pictures.")] = "",
) -> None:
    """Say what changed since a revision and what that does to the model, as Markdown for a comment.

    Example: `digits review verdict origin/main --output verdict.md`
    """
    from digits.files import write_text
    from digits.review.verdict import markdown
    from digits.review.verdict import verdict as act

    file = Path(output).absolute()
    enter_project()
    params = project_params()
    found = act(base, open_registry(only_look=True), params, pictures)
    text = markdown(found)
    if output:
        write_text(file, text)
        typer.echo(f"digits: {found.headline}; wrote {output}", err=True)
    else:
        typer.echo(text, nl=False)


@review.command()
def lock() -> None:
    """Fail if dvc.lock is not what the commit makes, and say which stages differ and why.

    Example: `dvc repro && digits review lock`
    """
    from digits.errors import DigitsError
    from digits.review.lock import lock_state

    enter_project()
    params = project_params()
    found = lock_state(open_registry(only_look=True), params)
    if found.is_stale:
        raise DigitsError(found.sentence)
    typer.echo(f"digits: {found.sentence}")

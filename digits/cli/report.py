"""`digits report`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digits.cli.app import enter_project, open_registry, project_params


def report(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Alias, version, run, DVC experiment, git revision, file or folder.")
    ] = "champion",
    html: Annotated[str, typer.Option(metavar="FILE", help="Write the page, with pictures, there.")] = "",
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown; so it is without --html.")] = False,
) -> None:
    """Tell all that is known of a model on one page: data, training, mistakes, gates, champion, lineage.

    Example: `digits report exp-1a2b3 --html report.html`
    """
    from digits.files import write_text
    from digits.review.report import html as page
    from digits.review.report import markdown, model_of_name, report_of

    file = Path(html).absolute()
    enter_project()
    params, registry = project_params(), open_registry(only_look=True)
    found = model_of_name(model, registry)
    made = report_of(found, registry, params)
    if html:
        write_text(file, page(made, found, registry, params))
        typer.echo(f"digits: wrote {html}", err=True)
    if as_markdown or not html:
        typer.echo(markdown(made), nl=False)

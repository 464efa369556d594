"""`digits data`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digits.cli.app import JsonOption, enter_project

data = typer.Typer(no_args_is_help=True, help="Look into the raw data and their history.")


@data.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="REV", help="Git revision or DVC experiment.")],
    after: Annotated[str, typer.Argument(metavar="REV", help="Likewise; left out: the working tree.")] = "",
    as_json: JsonOption = False,
    html: Annotated[str, typer.Option(metavar="FILE", help="Write a page with the images.")] = "",
) -> None:
    """Say which images were added, removed, relabelled or changed between two revisions, by class.

    Example: `digits data diff HEAD~1 --html changes.html`
    """
    import json

    from digits.data.changes import compare_raw
    from digits.files import write_text
    from digits.report.data_changes import changes_page, print_changes, side_of

    page = Path(html).absolute()
    enter_project()
    old, new = side_of(before), side_of(after)
    changes = compare_raw(old.splits, new.splits)
    if html:
        write_text(page, changes_page(changes, old, new))
        typer.echo(f"digits: wrote {html}", err=True)
    if as_json:
        found = {"before": old.title, "after": new.title} | changes.as_dict()
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print_changes(changes, old, new)

"""`digits propose`"""

from pathlib import Path
from typing import Annotated

import typer


def propose(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder or zip with four IDX files, plain or .gz.")],
    only: Annotated[str, typer.Option(help="A text in the paths of the four files, where there are more.")] = "",
) -> None:
    """Print what params.yaml would say of other data: hashes, sizes, bounds with their margins. Read it, then paste it.

    Example: `digits propose ~/fashion-mnist > proposal.yaml`
    """
    from digits import paths
    from digits.data.discover import discover
    from digits.validation.propose import propose as act

    place = folder.expanduser().resolve()
    root = paths.project_root()
    typer.echo(act(discover(place, only), place.relative_to(root) if place.is_relative_to(root) else place), nl=False)

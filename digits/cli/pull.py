"""`digits pull`"""

from pathlib import Path
from typing import Annotated

import typer

from digits import paths
from digits.cli.app import open_registry


def pull(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Any name of a registered version; left out: champion.")
    ] = "",
    alias: Annotated[str, typer.Option(help="Alias of the version.")] = "",
    version: Annotated[str, typer.Option(help="Its number.")] = "",
    to: Annotated[Path, typer.Option(help="Folder to write.")] = Path("pulled"),
) -> None:
    """Write a registered version into a folder that needs neither MLflow nor this repository.

    Example: `digits pull --version 2 --to digits-2`
    """
    from digits.registry import pull as act
    from digits.registry.history import CHAMPION
    from digits.registry.resolve import resolve_version

    if len([name for name in (model, alias, version) if name]) > 1:
        raise typer.BadParameter("name one model: MODEL, --alias or --version", param_hint="MODEL")
    registry = open_registry()
    if model:
        number = resolve_version(model, registry)
    else:
        number = version or str(registry.version_with(alias or CHAMPION).version)
    folder = act.pull(registry.client, registry.version(number), to)
    # A version from before there were twins has none.
    twin = folder / paths.TWIN.name
    ways = [f"keras.models.load_model('{folder / paths.MODEL.name}')"]
    if twin.is_file():
        ways.append(f"or {twin} with NumPy and ai-edge-litert alone, see {folder / 'model_card.md'}")
    typer.echo(f"digits: version {number} is in {folder}, bytes verified; {', '.join(ways)}")

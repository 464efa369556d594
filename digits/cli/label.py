"""`digits label`"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from digits import paths
from digits.cli.app import HostOption, PortOption, open_registry, project_params


def label(
    log: Annotated[Path, typer.Argument(metavar="DIR", help="The log of `digits serve --log` or `draw --log`.")] = Path(
        "served"
    ),
    model: Annotated[str, typer.Option("--model", help="Only what this model read, with its class names.")] = "",
    order: Annotated[
        Literal["least-sure", "random"], typer.Option(help="random: so that accuracy may be estimated from the labels.")
    ] = "least-sure",
    host: HostOption = "127.0.0.1",
    port: PortOption = 5003,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Say what the logged images are, on a page in the browser: one key a label, the least sure first.

    Example: `digits label served/`, or without a desktop `digits label served/ --no-browser`.
    """
    from digits.serving import label as act

    if model:
        from digits.registry.resolve import resolve

        found = resolve(model, open_registry)
        names, sha256 = found.results.class_names or [], found.sha256
    else:
        names, sha256 = _project_class_names(), None
    act.label(log, host, port, order, browser, names, sha256)


def _project_class_names() -> list[str]:
    """As params.yaml says; none outside the project."""
    is_project = (paths.project_root() / paths.PARAMS).is_file()
    return project_params().preprocess.class_names if is_project else []

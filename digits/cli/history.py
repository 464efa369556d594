"""`digits history`"""

from typing import Annotated

import typer

from digits.cli.app import open_registry


def history(as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False) -> None:
    """List every change of an alias: when, from, to, who, why.

    Example: `digits history --json`
    """
    import json
    from dataclasses import asdict

    from digits.registry.history import print_history

    registry = open_registry()
    changes = registry.history()
    if as_json:
        typer.echo(json.dumps([asdict(change) for change in changes], indent=2, ensure_ascii=False))
    else:
        print_history(changes, registry.name)

"""`digits rollback`"""

from typing import Annotated

import typer

from digits.cli.app import ReasonOption, open_registry


def rollback(
    to: Annotated[str, typer.Option("--to", help="Version, or another name of one; left out: the former one.")] = "",
    reason: ReasonOption = "",
) -> None:
    """Give the alias champion back to the former champion.

    Example: `digits rollback --reason "worse on our customers' forms"`
    """
    from digits.registry import rollback as act
    from digits.registry.resolve import resolve_version

    registry = open_registry()
    number = resolve_version(to, registry) if to else None
    change = act.rollback(registry, number, reason or "rolled back by hand")
    typer.echo(f"digits: champion is version {change.after} again, was {change.before}")

"""`digits lineage`"""

from typing import Annotated

import typer

from digits.cli.app import JsonOption, ModelArgument, open_registry
from digits.errors import DigitsError


def lineage(
    model: ModelArgument = "champion",
    verify: Annotated[bool, typer.Option("--verify", help="Rebuild it in a temporary folder, compare bytes.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say where a model comes from, down to the command that rebuilds it.

    Example: `digits lineage champion --verify`
    """
    import json
    from dataclasses import asdict

    from digits.registry.lineage import describe, lineage_of
    from digits.registry.rebuild import rebuild, why_other_bytes
    from digits.registry.resolve import resolve_run

    registry = open_registry(only_look=True)
    found = lineage_of(registry, resolve_run(model, registry))
    typer.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False) if as_json else describe(found))
    if verify:
        sha256 = rebuild(registry.client, found)
        if sha256 != found.model_sha256:
            raise DigitsError(
                f"the rebuilt model has other bytes (SHA-256 {sha256[:12]}…, not {found.model_sha256[:12]}…): "
                f"{why_other_bytes(found)}"
            )
        typer.echo(f"digits: rebuilt, the bytes match (SHA-256 {sha256[:12]}…)", err=as_json)

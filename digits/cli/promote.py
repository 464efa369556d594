"""`digits promote`"""

from typing import Annotated

import typer

from digits.cli.app import (
    DryRunOption,
    ModelArgument,
    ReasonOption,
    SignKeyOption,
    enter_project,
    open_registry,
    project_params,
)
from digits.errors import DigitsError


def promote(
    model: ModelArgument = "challenger",
    dry_run: DryRunOption = False,
    force: Annotated[bool, typer.Option("--force", help="Promote though a gate fails; needs --reason.")] = False,
    reason: ReasonOption = "",
    probation: Annotated[
        str, typer.Option(metavar="7d|500rows", help="After that, `digits monitor` rolls back if it was no gain.")
    ] = "",
    sign_key: SignKeyOption = None,
) -> None:
    """Make a model champion, if it is better than the present one on the same test images.

    Example: `digits promote challenger --dry-run`
    """
    from digits.monitoring.probation import parse as parse_probation
    from digits.registry import promote as act
    from digits.registry.gates import print_gates
    from digits.registry.resolve import resolve_run
    from digits.registry.signature import private_key

    if force and not reason.strip():
        raise typer.BadParameter("--force needs --reason: the history is to say why", param_hint="--force")
    if probation:
        try:
            parse_probation(probation)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--probation") from None
    key = private_key(sign_key.absolute()) if sign_key else None
    enter_project()
    params, registry = project_params(), open_registry()
    found = resolve_run(model, registry)
    outcome = act.promote(
        registry, found, params, why=reason, force=force, dry_run=dry_run, probation=probation, key=key
    )
    if outcome.registration and outcome.registration.refused:
        print_gates(outcome.registration.gates, "Gates of registration")
        raise DigitsError(f"{model} is {outcome.registration}")
    named = f"version {outcome.version}" if outcome.version else model
    against = f"against champion {outcome.champion or '(none)'}"
    print_gates(outcome.gates, f"{named[0].upper()}{named[1:]} {against}")
    refused = ", ".join(outcome.failed)
    if dry_run:
        verdict = f"would be refused: {refused}" if refused else "would be promoted"
        typer.echo(f"digits: {named} {verdict}; dry run, nothing changed")
        raise typer.Exit(1 if refused else 0)
    if not outcome.promoted:
        raise DigitsError(f"{named} refused: {refused}; champion stays {outcome.champion}")
    typer.echo(f"digits: {named} is champion now" + (f", was {outcome.champion}" if outcome.champion else ""))
    if probation:
        typer.echo(f"on probation for {probation}: `digits monitor DIR` decides, once, by labelled images")

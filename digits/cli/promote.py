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


def _probation(text: str) -> str:
    from digits.monitoring.probation import parse

    try:
        if text:
            parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


ProbationOption = Annotated[
    str,
    typer.Option(metavar="7d|500rows", callback=_probation, help="`digits monitor` then rolls back if it is worse."),
]


def promote(
    model: ModelArgument = "challenger",
    dry_run: DryRunOption = False,
    force: Annotated[bool, typer.Option("--force", help="Promote though a gate fails; needs --reason.")] = False,
    reason: ReasonOption = "",
    probation: ProbationOption = "",
    sign_key: SignKeyOption = None,
) -> None:
    """Make a model champion, if it is better than the present one on the same test images.

    Example: `digits promote challenger --dry-run`
    """
    from digits.registry import promote as act
    from digits.registry.gates import print_gates
    from digits.registry.resolve import resolve_run
    from digits.registry.signature import private_key

    if force and not reason.strip():
        raise typer.BadParameter("--force needs --reason: the history is to say why", param_hint="--force")
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
    kind = "candidate" if outcome.is_candidate else "version"
    named = f"{kind} {outcome.version}" if outcome.version else model
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

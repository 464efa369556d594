"""`digits register`"""

from typing import Annotated

import typer

from digits.cli.app import DryRunOption, enter_project, open_registry, project_params


def register(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="Run, DVC experiment, revision or file; left out: the one in models/."),
    ] = "",
    dry_run: DryRunOption = False,
) -> None:
    """Register a model as a version, if it passes the gates of params.yaml.

    Example: `digits register 4dc271e05ce747329bd351adc1701ae1`
    """
    from digits.registry import register as act
    from digits.registry.gates import print_gates
    from digits.registry.resolve import model_of_run, resolve_run
    from digits.registry.sync import record_model
    from digits.tracking.record import recorded_run

    enter_project()
    params, registry = project_params(), open_registry()
    if model:
        found = resolve_run(model, registry)
    elif dry_run:
        found = model_of_run(registry.client.get_run(recorded_run(registry.client, params)), registry)
    else:
        found = record_model(registry, params)
    outcome = act.register(registry, found, params.register_, dry_run)
    print_gates(outcome.gates, "Gates of registration")
    typer.echo(f"digits: {outcome}")
    if outcome.refused:
        raise typer.Exit(1)

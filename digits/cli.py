"""The command line. Each command imports what it needs when it runs: `digits --help` answers at once."""

from typing import Annotated, Any

import typer

from digits.errors import DigitsError, one_line_errors

app = typer.Typer(
    name="digits",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the table, change nothing.")]


@app.callback()
def _app() -> None:
    """Compare, promote, pull and use models that classify handwritten digits."""


@app.command()
def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000) -> None:
    """Open the MLflow UI on the project's store.

    Example: `digits ui --port 5001`
    """
    import os
    import sys

    from digits import tracking
    from digits.provenance import project_root

    tracking.connect()
    typer.echo(f"MLflow on http://127.0.0.1:{port}/#/experiments — stop with Ctrl-C", err=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", tracking.tracking_uri()]
    command += ["--default-artifact-root", (project_root() / "mlartifacts").as_uri()]
    os.execv(sys.executable, command)


@app.command()
def sync(
    summary: Annotated[bool, typer.Option("--summary", help="Say where everything is.")] = False,
) -> None:
    """Complete the MLflow record of the model in models/ from the files, where the store lacks it.

    Example: `MLFLOW_TRACKING_URI=http://127.0.0.1:5000 digits sync`
    """
    from digits import sync as sync_
    from digits.params import load_params

    params = load_params()
    outcome = sync_.sync(params)
    typer.echo(sync_.summary(outcome, params) if summary else f"digits: {outcome}")


@app.command()
def register(
    run: Annotated[str, typer.Argument(help="Run id; left out: the run of the model in models/.")] = "",
    dry_run: DryRun = False,
) -> None:
    """Register a run's model as a version, if it passes the gates of params.yaml.

    Example: `digits register 4dc271e05ce747329bd351adc1701ae1`
    """
    from digits import tracking
    from digits.gates import print_gates
    from digits.promotion import register_run

    params, client, registry = _registry()
    run_id = tracking.run_id_of(client, run) if run else tracking.ensure_run(client, params)
    outcome = register_run(client, registry, run_id, params.register_, dry_run)
    print_gates(outcome.gates, "Gates of registration")
    typer.echo(f"digits: {outcome}")
    if outcome.version is None and not all(gate.passed for gate in outcome.gates):
        raise typer.Exit(1)


@app.command()
def promote(
    target: Annotated[str, typer.Argument(help="Version, alias or run id.")] = "challenger",
    dry_run: DryRun = False,
    force: Annotated[bool, typer.Option("--force", help="Promote though a gate fails; needs --reason.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
) -> None:
    """Make a version champion, if it is better than the present one on the same test images.

    Example: `digits promote challenger --dry-run`
    """
    from digits import promotion
    from digits.gates import print_gates

    if force and not reason:
        raise typer.BadParameter("--force needs --reason: the history is to say why", param_hint="--force")
    params, client, registry = _registry()
    number = promotion.version_of_target(client, registry, target)
    if number is None:
        outcome = promotion.register_run(client, registry, target, params.register_, dry_run)
        if outcome.version is None:
            print_gates(outcome.gates, "Gates of registration")
            raise DigitsError(f"{target} is {outcome}" if not dry_run else f"{target} is not registered: dry run ends")
        number = outcome.version
    champion, gates = promotion.assess(client, registry, number, params.register_, params.evaluate)
    print_gates(gates, f"Version {number} against champion {champion or '(none)'}")
    failed = [gate.name for gate in gates if not gate.passed]
    if dry_run:
        verdict = f"would be refused: {', '.join(failed)}" if failed else "would be promoted"
        typer.echo(f"digits: version {number} {verdict}; dry run, nothing changed")
        raise typer.Exit(1 if failed else 0)
    if failed and not force:
        raise DigitsError(f"version {number} refused: {', '.join(failed)}; champion stays {champion}")
    action = "promote (forced)" if failed else "promote"
    promotion.make_champion(registry, number, champion, action, reason or "all gates passed", gates)
    typer.echo(f"digits: version {number} is champion now" + (f", was {champion}" if champion else ""))


@app.command()
def rollback(
    to: Annotated[str, typer.Option("--to", help="Version; left out: the former champion.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
) -> None:
    """Give the alias champion back to the former champion.

    Example: `digits rollback --reason "worse on our customers' forms"`
    """
    from digits.promotion import rollback as go_back

    _, _, registry = _registry()
    change = go_back(registry, to or None, reason or "rolled back by hand")
    typer.echo(f"digits: champion is version {change.after} again, was {change.before}")


@app.command()
def history(as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False) -> None:
    """List every change of an alias: when, from, to, who, why.

    Example: `digits history --json`
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    _, _, registry = _registry()
    changes = registry.history()
    if as_json:
        typer.echo(json.dumps([asdict(change) for change in changes], indent=2, ensure_ascii=False))
        return
    table = Table(title=f"Changes of {registry.name}'s aliases, oldest first", title_justify="left", title_style="bold")
    for heading in ("When (UTC)", "Alias", "From", "To", "Action", "Gates", "Who", "Why"):
        table.add_column(heading, overflow="fold")
    for change in changes:
        passed = sum(gate["passed"] for gate in change.gates)
        gates = f"{passed}/{len(change.gates)}" if change.gates else "–"
        when = change.when.removesuffix("+00:00").replace("T", " ")
        row = (
            when,
            change.alias,
            change.before or "–",
            change.after or "–",
            change.action,
            gates,
            change.who,
            change.why,
        )
        table.add_row(*row)
    Console().print(table)


def _registry() -> tuple[Any, Any, Any]:
    """Parameters, client and registry, in the order in which they can fail cheaply."""
    from digits import tracking
    from digits.params import load_params
    from digits.provenance import project_root
    from digits.registry import Registry

    params = load_params(project_root() / "params.yaml")
    client = tracking.connect()
    return params, client, Registry(client, params.register_.model_name)


def main() -> None:
    """Run a command. Exit code 0: done; 1: refused or failed, with one line why; 2: wrong usage."""
    with one_line_errors("digits"):
        app()


if __name__ == "__main__":
    main()

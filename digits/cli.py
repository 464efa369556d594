"""The command line. Each command imports what it needs when it runs: `digits --help` answers at once."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from digits.errors import DigitsError, one_line_errors

ModelOption = Annotated[
    str,
    typer.Option("--model", help="models:/NAME@ALIAS, models:/NAME/VERSION, runs:/ID, a .keras file or its folder."),
]
HostOption = Annotated[str, typer.Option(help="Address to listen on. Anything but loopback is open to your network.")]
RefreshOption = Annotated[float, typer.Option(min=0.1, help="Seconds between two looks for a new champion.")]

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
def _app(context: typer.Context) -> None:
    """Compare, promote, pull and use models that classify handwritten digits."""
    if "MLFLOW_RUN_ID" in os.environ and context.invoked_subcommand in ("compare", "promote", "rollback", "pull"):
        from digits.tracking import name_project_run

        name_project_run(f"digits {context.invoked_subcommand}")


@app.command()
def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000) -> None:
    """Open the MLflow UI on the project's store.

    Example: `digits ui --port 5001`
    """
    import sys

    from digits import tracking
    from digits.provenance import project_root

    experiment = tracking.connect().get_experiment_by_name(tracking.EXPERIMENT)
    uri = tracking.tracking_uri()
    place = f"#/experiments/{experiment.experiment_id}/runs"
    if tracking.is_server(uri):
        typer.echo(f"MLFLOW_TRACKING_URI is a server, which shows the runs at {uri}/{place}")
        return
    typer.echo(f"MLflow starts, runs are at http://127.0.0.1:{port}/{place} — stop with Ctrl-C", err=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", uri]
    command += ["--default-artifact-root", (project_root() / "mlartifacts").as_uri()]
    os.execv(sys.executable, command)


@app.command()
def repro(
    settings: Annotated[
        list[str], typer.Option("--set", help="section.key=value, for this run; may be repeated.")
    ] = [],  # noqa: B006
) -> None:
    """Run the pipeline and say what came of it: what `make repro` and `mlflow run .` call.

    Example: `digits repro --set train.learning_rate=0.002`
    """
    from digits.params import load_params
    from digits.repro import reproduce
    from digits.sync import summary, sync

    _in_project()
    # A store that does not answer, or a name that is taken, is known here, before the minutes of training.
    _registry()
    reproduce(settings)
    params = load_params()
    typer.echo(summary(sync(params), params))


@app.command()
def sync() -> None:
    """Complete the MLflow record of the model in models/ from the files, where the store lacks it.

    Example: `MLFLOW_TRACKING_URI=http://127.0.0.1:5000 digits sync`
    """
    from digits import sync as sync_
    from digits.params import load_params

    _in_project()
    typer.echo(f"digits: {sync_.sync(load_params())}")


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
    from digits.sync import record

    _in_project()
    params, client, registry = _registry()
    if run:
        run_id = tracking.run_id_of(client, run)
    elif dry_run:
        run_id = tracking.run_on_disk(client, params)
    else:
        run_id = record(client, params)
    outcome = register_run(client, registry, run_id, params.register_, dry_run)
    print_gates(outcome.gates, "Gates of registration")
    typer.echo(f"digits: {outcome}")
    if outcome.version is None and not all(gate.passed for gate in outcome.gates):
        raise typer.Exit(1)


@app.command()
def promote(
    target: Annotated[str, typer.Argument(help="Version, alias, run or DVC experiment.")] = "challenger",
    dry_run: DryRun = False,
    force: Annotated[bool, typer.Option("--force", help="Promote though a gate fails; needs --reason.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
) -> None:
    """Make a version champion, if it is better than the present one on the same test images.

    Example: `digits promote challenger --dry-run`
    """
    from digits import promotion, tracking
    from digits.gates import print_gates
    from digits.registry import run_of

    if force and not reason.strip():
        raise typer.BadParameter("--force needs --reason: the history is to say why", param_hint="--force")
    _in_project()
    params, client, registry = _registry()
    number = promotion.version_of_target(client, registry, target)
    if number:
        run = run_of(client, registry.version(number))
    else:
        run = promotion.original_run(client, tracking.run_id_of(client, target))
        outcome = promotion.register_run(client, registry, run.info.run_id, params.register_, dry_run)
        number = outcome.version
        if not all(gate.passed for gate in outcome.gates):
            print_gates(outcome.gates, "Gates of registration")
            raise DigitsError(f"{target} is {outcome}")
    named = f"version {number}" if number else target
    champion, gates = promotion.assess(client, registry, run, params.register_, params.evaluate)
    print_gates(gates, f"{named[0].upper()}{named[1:]} against champion {champion or '(none)'}")
    failed = [gate.name for gate in gates if not gate.passed]
    if dry_run:
        verdict = f"would be refused: {', '.join(failed)}" if failed else "would be promoted"
        typer.echo(f"digits: {named} {verdict}; dry run, nothing changed")
        raise typer.Exit(1 if failed else 0)
    assert number is not None
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

    _, registry = _store()
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
    from rich.text import Text

    _, registry = _store()
    changes = registry.history()
    if as_json:
        typer.echo(json.dumps([asdict(change) for change in changes], indent=2, ensure_ascii=False))
        return
    table = Table(title=f"Aliases of {registry.name}, oldest change first", title_justify="left", title_style="bold")
    table.add_column("When (UTC)", no_wrap=True)
    table.add_column("Change", no_wrap=True)
    table.add_column("How", overflow="fold")
    table.add_column("Why, and who", overflow="fold")
    for change in changes:
        when = change.when[: len("2026-01-31T23:59:59")].replace("T", " ")
        passed = sum(gate["passed"] for gate in change.gates)
        gates = f", {passed} of {len(change.gates)} gates passed" if change.gates else ""
        moved = f"{change.alias} {change.before or 'none'} → {change.after or 'none'}"
        table.add_row(when, moved, change.action + gates, Text(f"{change.why} ({change.who})"))
    Console().print(table)


@app.command()
def pull(
    alias: Annotated[str, typer.Option(help="Alias of the version; left out: champion.")] = "",
    version: Annotated[str, typer.Option(help="Its number, instead of an alias.")] = "",
    to: Annotated[Path, typer.Option(help="Folder to write.")] = Path("pulled"),
) -> None:
    """Write a registered version into a folder that needs neither MLflow nor this repository.

    Example: `digits pull --version 2 --to digits-2`
    """
    from digits.pull import pull_version
    from digits.registry import CHAMPION

    if alias and version:
        raise typer.BadParameter("an alias and a version name two models: leave one out", param_hint="--version")
    client, registry = _store()
    number = version or registry.version_with(alias or CHAMPION)
    folder = pull_version(client, registry, number, to)
    typer.echo(
        f"digits: version {number} is in {folder}, bytes verified; keras.models.load_model('{folder}/model.keras')"
    )


@app.command()
def lineage(
    target: Annotated[str, typer.Argument(help="Alias, version, run, or a model file or folder.")] = "champion",
    verify: Annotated[bool, typer.Option("--verify", help="Rebuild it in a temporary clone, compare bytes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say where a model comes from, down to the command that rebuilds it.

    Example: `digits lineage champion --verify`
    """
    import json
    from dataclasses import asdict

    from digits.lineage import describe, lineage_of, rebuild

    client, registry = _store()
    found = lineage_of(client, registry, target)
    typer.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False) if as_json else describe(found))
    if verify:
        sha256 = rebuild(client, found)
        if sha256 != found.model_sha256:
            raise DigitsError(
                f"the rebuilt model has other bytes (SHA-256 {sha256[:12]}…, not {found.model_sha256[:12]}…): another "
                "processor, number of threads or library version gives other last bits"
            )
        typer.echo(f"digits: rebuilt, the bytes match (SHA-256 {sha256[:12]}…)", err=as_json)


@app.command()
def compare(
    models: Annotated[list[str] | None, typer.Argument(help="Runs, DVC experiments, versions or aliases.")] = None,
    baseline: Annotated[str, typer.Option(help="The one to compare with; left out: the first.")] = "",
    sort: Annotated[str, typer.Option(help="Column to sort by.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
    html: Annotated[str, typer.Option(help="Write a page with curves and the images they differ on.")] = "",
) -> None:
    """Say which model is better, and whether the difference is real. Without names: champion and newest runs.

    Example: `digits compare champion challenger --html compare.html`
    """
    from digits import candidates, layout
    from digits.compare import compare as compare_
    from digits.compare import print_comparison, print_json, to_csv
    from digits.compare_html import comparison_page
    from digits.files import write_text
    from digits.provenance import project_root

    if as_json and as_csv:
        raise typer.BadParameter("one or the other", param_hint="--json, --csv")
    params, client, registry = _registry()
    # MLproject gives an empty name for a parameter that was left out.
    found = candidates.load_candidates(client, registry, [name for name in models or [] if name])
    # Tables may call a run otherwise than the person who gave its id.
    base = found[baseline].name if baseline in found else baseline or None
    comparison = compare_(list(found.values()), base, sort or None, params.register_.promotion.significance)
    if html:
        scored = comparison.baseline.candidate.test_sha256
        images = candidates.scored_images(scored, project_root() / layout.PROCESSED)
        write_text(Path(html), comparison_page(comparison, images))
        typer.echo(f"digits: wrote {html}", err=True)
    if as_json:
        print_json(comparison)
    elif as_csv:
        typer.echo(to_csv(comparison), nl=False)
    else:
        print_comparison(comparison)


@app.command()
def sweep(
    settings: Annotated[
        list[str], typer.Option("-S", "--set", help="section.key=value,value,…; may be repeated: all combinations.")
    ] = [],  # noqa: B006
    seeds: Annotated[int, typer.Option(min=0, help="Trainings of each, with seeds 1, 2, …; 0: the seed as it is.")] = 3,
    name: Annotated[str, typer.Option("-n", "--name", help="Of the experiments; without -S: show that sweep.")] = "",
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Trainings at a time.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="The table as JSON.")] = False,
) -> None:
    """Train every combination of some values with several seeds; say which recipe is better on the validation images.

    The test images stay unseen: they are for the recipe that was chosen. Whatever else is in DVC's queue runs as well.

    Example: `digits sweep -S train.learning_rate=0.0005,0.001,0.002 --seeds 5 --name rate`
    """
    import json
    from datetime import datetime

    from digits import sweep as sweep_
    from digits.params import load_params

    if not settings and not name:
        raise typer.BadParameter("give values to try, or the name of an earlier sweep", param_hint="-S")
    _in_project()
    significance = load_params().register_.promotion.significance
    name = name or f"sweep-{datetime.now():%m%d-%H%M%S}"
    missing = sweep_.sweep(name, settings, seeds, jobs) if settings else []
    recipes = sweep_.recipes_of(sweep_.trials_of(name), significance)
    if as_json:
        typer.echo(json.dumps([recipe.as_dict() for recipe in recipes], indent=2, ensure_ascii=False))
    else:
        sweep_.print_recipes(recipes, significance)
    if missing:
        raise DigitsError(f"{', '.join(missing)} did not end well: `dvc queue logs {missing[0]}` says why")


def _store() -> tuple[Any, Any]:
    """Client and registry for commands that also work outside the repository, against a tracking server."""
    from digits import tracking
    from digits.registry import Registry

    name = _model_name()
    client = tracking.connect()
    return client, Registry(client, name)


def _model_name() -> str:
    """What the registered model is called: as params.yaml says, or outside the project `digits`."""
    from digits.params import load_params
    from digits.provenance import project_root

    path = project_root() / "params.yaml"
    return load_params(path).register_.model_name if path.is_file() else "digits"


def _champion() -> str:
    return f"models:/{_model_name()}@champion"


def _in_project() -> None:
    """Go to the project's folder, whose files the command reads, from wherever within it the command was given."""
    from digits.provenance import project_root

    os.chdir(project_root())


@app.command()
def predict(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE…", help="Pictures, folders of pictures, or - (stdin).")],
    model: ModelOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
    explain: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write there NAME-explained.png: found, seen, looked at."),
    ] = None,
) -> None:
    """Read the digits in pictures: photos, scans, drawings, of any size, light on dark or dark on light.

    Prints one line a digit: file, digit, probability, runner-up, and "not sure" below the model's threshold.

    Example: `digits predict photo.jpg scans/ --explain explained/`
    """
    import json
    import sys
    from functools import partial

    from digits.inference import Classifier
    from digits.picture import MAX_BYTES
    from digits.predict import PictureError, predict_all, threshold_of
    from digits.registry import resolve_model

    resolved = resolve_model(model or _champion())
    threshold = threshold_of(resolved.metrics)
    failed, found = False, []
    stdin = partial(sys.stdin.buffer.read, MAX_BYTES + 1)
    for outcome in predict_all(images, Classifier(resolved.path), threshold, stdin, explain):
        if isinstance(outcome, PictureError):
            failed = True
            typer.echo(f"digits: {outcome}", err=True)
        elif as_json:
            found.append(outcome.as_dict())
        else:
            typer.echo("\n".join(outcome.lines()))
    if as_json:
        report = {"model": resolved.uri, "sha256": resolved.sha256, "not_sure_below": threshold, "pictures": found}
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    if failed:
        raise typer.Exit(1)


def _registry() -> tuple[Any, Any, Any]:
    """Parameters, client and registry, in the order in which they can fail cheaply."""
    from digits.params import load_params
    from digits.provenance import project_root

    params = load_params(project_root() / "params.yaml")
    return params, *_store()


@app.command()
def serve(
    model: ModelOption = "",
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 5001,
    refresh: RefreshOption = 3.0,
) -> None:
    """Answer HTTP requests with the champion: MLflow's scoring server, raw pixels in, probabilities out.

    Example: `digits serve --port 5001`, then post the printed `curl` line.
    """
    from digits import serving
    from digits.registry import resolve_model

    model = model or _champion()
    serving.serve(lambda: resolve_model(model), host, port, refresh)


@app.command()
def draw(
    model: ModelOption = "",
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 5002,
    refresh: RefreshOption = 3.0,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Draw digits on a page in the browser, or drop a picture, and see what the champion reads.

    Example: `digits draw`, or without a desktop `digits draw --no-browser`.
    """
    from digits import drawing
    from digits.registry import resolve_model

    model = model or _champion()
    drawing.draw(lambda: resolve_model(model), host, port, refresh, browser)


def main() -> None:
    """Run a command. Exit code 0: done; 1: refused or failed, with one line why; 2: wrong usage."""
    with one_line_errors("digits"):
        app()


if __name__ == "__main__":
    main()

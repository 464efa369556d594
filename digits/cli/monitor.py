"""`digits monitor`"""

from pathlib import Path
from typing import Annotated

import typer

from digits.cli.app import JsonOption, ModelOption, champion, enter_project, open_registry, project_params


def monitor(
    log: Annotated[Path, typer.Argument(metavar="DIR", help="The log of `digits serve --log` or `draw --log`.")] = Path(
        "served"
    ),
    model: ModelOption = "",
    days: Annotated[float | None, typer.Option(min=0.001, help="How far back; default is all of the log.")] = None,
    false_alarms: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Share of healthy batches that may raise an alarm.")
    ] = 0.01,
    as_json: JsonOption = False,
) -> None:
    """Compare what was served with the validation images, and decide a probation that is over.

    Exit code 1 on an alarm or a rollback, for cron and CI.

    Example: `digits monitor served/ --days 7`
    """
    import json

    from tqdm import trange

    from digits.monitoring import monitor as monitoring
    from digits.monitoring.live import live_images, validation_images
    from digits.monitoring.probation import Outcome, settle
    from digits.registry.resolve import resolve

    place = log.absolute()
    enter_project()
    params = project_params()
    found = resolve(model or champion(), open_registry)
    live = live_images(place, found, days)
    validation = validation_images(found, params)
    classes = len(params.preprocess.class_names)
    # A bar appears on a terminal alone.
    rounds = trange(monitoring.ROUNDS, desc="healthy batches", disable=None, leave=False)
    verdict = monitoring.judge(validation, live, classes, false_alarms, rounds)
    if as_json:
        typer.echo(json.dumps({"model": found.uri, "sha256": found.sha256, **verdict.as_dict()}, indent=2))
    else:
        monitoring.print_verdict(verdict, found.title)
    settled = settle(open_registry(), place, classes, params.register_.promotion.significance)
    if settled:
        typer.echo(f"digits: {settled}", err=as_json)
    if verdict.alarms or (isinstance(settled, Outcome) and settled.verdict == "rolled back"):
        raise typer.Exit(1)

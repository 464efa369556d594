"""`digits monitor`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digits.cli.app import JsonOption, ModelOption, champion, enter_project, open_registry, project_params

if TYPE_CHECKING:
    from digits.monitoring.monitor import Verdict
    from digits.params import Params
    from digits.registry.model import Model


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
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with the strangest images.")] = None,
    no_record: Annotated[bool, typer.Option("--no-record", help="Write nothing to MLflow.")] = False,
) -> None:
    """Compare what was served with the validation images, and decide a probation that is over.

    Exit code 1 on an alarm or a rollback, for cron and CI.

    Example: `digits monitor served/ --days 7 --html monitor.html`
    """
    from tqdm import trange

    from digits.files import write_text
    from digits.monitoring import monitor as monitoring
    from digits.monitoring.expected import check_expectations
    from digits.monitoring.live import live_images, validation_images
    from digits.monitoring.page import monitor_page
    from digits.monitoring.record import record
    from digits.registry.resolve import resolve

    place, page_file = log.absolute(), html and html.absolute()
    enter_project()
    params = project_params()
    found = resolve(model or champion(), open_registry)
    rolled_back = _settle(place, params, as_json)
    live = live_images(place, found, params, days)
    validation = validation_images(found, params)
    names = params.preprocess.class_names
    # A bar appears on a terminal alone.
    rounds = trange(monitoring.ROUNDS, desc="healthy batches", disable=None, leave=False)
    checks = check_expectations(validation, live, params.validate_)
    verdict = monitoring.judge(validation, live, len(names), false_alarms, rounds, checks)
    _show(verdict, found, names, as_json)
    page = monitor_page(verdict, validation, live, found.title, names)
    if page_file:
        write_text(page_file, page)
        typer.echo(f"digits: wrote {html}", err=True)
    if found.version and not no_record:
        run = record(open_registry(), found, verdict, live, page)
        typer.echo(f"digits: recorded as run {run} of MLflow's experiment digits-monitoring", err=True)
    if verdict.alarms or rolled_back:
        raise typer.Exit(1)


def _settle(log: Path, params: Params, as_json: bool) -> bool:
    """Decide a probation that is over, also where nothing was served since. Returns whether that was a rollback."""
    from digits.monitoring.probation import Outcome, settle

    classes, significance = len(params.preprocess.class_names), params.register_.promotion.significance
    if settled := settle(open_registry(), log, classes, significance):
        typer.echo(f"digits: {settled}", err=as_json)
    return isinstance(settled, Outcome) and settled.verdict == "rolled back"


def _show(verdict: Verdict, model: Model, names: list[str], as_json: bool) -> None:
    import json

    from digits.monitoring.monitor import print_verdict

    if as_json:
        facts = {"model": model.uri, "sha256": model.sha256, "classes": names, **verdict.as_dict()}
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        print_verdict(verdict, model.title)

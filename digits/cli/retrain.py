"""`digits retrain`"""

from pathlib import Path
from typing import Annotated

import typer

from digits.cli.app import enter_project, open_registry, project_params


def retrain(
    log: Annotated[Path, typer.Argument(metavar="DIR", help="The log of `digits serve --log` or `draw --log`.")] = Path(
        "served"
    ),
    at_least: Annotated[int, typer.Option(min=1, help="Labelled images that the champion does not know.")] = 100,
    times: Annotated[int, typer.Option(min=1, max=1000, help="How often each stands among the training images.")] = 5,
) -> None:
    """Train on corrections, if there are enough and the champion is worse on them. Never promotes. For cron.

    Example: `digits retrain served/ --at-least 200`
    """
    from digits.cli.collect import print_left_out
    from digits.monitoring.retrain import retrain as act

    place = log.absolute()
    enter_project()
    params = project_params()
    collected, outcome = act(open_registry(), place, params, at_least, times)
    print_left_out(collected)
    typer.echo(f"digits: {outcome}")

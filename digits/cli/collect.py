"""`digits collect`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digits.cli.app import enter_project, project_params

if TYPE_CHECKING:
    from digits.monitoring.collect import Collected


def collect(
    log: Annotated[Path, typer.Argument(metavar="DIR", help="The log of `digits serve --log` or `draw --log`.")] = Path(
        "served"
    ),
) -> None:
    """Make a data set of the images that people labelled, tracked by DVC, to train and test on.

    Example: `digits collect served/`
    """
    from digits import paths
    from digits.monitoring.collect import collect as act
    from digits.monitoring.collect import track

    place = log.absolute()
    enter_project()
    params = project_params()
    outcome = act(place, paths.FEEDBACK, paths.RAW, params)
    print_left_out(outcome)
    train, test = outcome.counts["train"], outcome.counts["test"]
    new = f"{outcome.added:,} new" + (f", {outcome.relabelled:,} with another label" if outcome.relabelled else "")
    new += f", {outcome.removed:,} removed" if outcome.removed else ""
    typer.echo(f"digits: {paths.FEEDBACK} has {train:,} images to train on and {test:,} to test on ({new})")
    track()
    if not train + test:
        raise typer.Exit
    folder = str(paths.FEEDBACK)
    extra = sorted({*params.preprocess.extra, folder})
    typer.echo(f"keep it:     git add {folder}.dvc && git commit -m 'Collect feedback'")
    typer.echo(f'train on it: dvc exp run -S "preprocess.extra=[{",".join(extra)}]"')


def print_left_out(outcome: Collected) -> None:
    """Print what was not taken, and why."""
    for reason, count in outcome.left_out.items():
        typer.echo(f"left out, {reason}: {count:,}")

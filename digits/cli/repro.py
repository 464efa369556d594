"""`digits repro`"""

from typing import Annotated

import typer

from digits.cli.app import RECIPES, enter_project, open_registry


def repro(
    recipe: Annotated[
        str,
        typer.Option(metavar="NAME", help=f"Lay a recipe over params.yaml: {RECIPES}."),
    ] = "",
    settings: Annotated[
        list[str], typer.Option("--set", help="section.key=value, for this run; may be repeated, and wins.")
    ] = [],  # noqa: B006
    queue: Annotated[bool, typer.Option("--queue", help="Put it into DVC's queue, run nothing.")] = False,
) -> None:
    """Run the pipeline and say what came of it: what `make repro` and `mlflow run .` call.

    Example: `digits repro --recipe fast --set train.epochs=2`
    """
    from digits.experiments.reproduce import check, enqueue, reproduce, with_recipe
    from digits.params import load_params
    from digits.registry.sync import summary, sync

    enter_project()
    settings = with_recipe(recipe, settings)
    if queue:
        enqueue(settings)
        typer.echo("digits: queued; `dvc queue start` runs it, `dvc queue status` shows how far it is")
        return
    check(settings)
    # A store that does not answer, or a name that is taken, is known here, before the minutes of training.
    registry = open_registry()
    reproduce(settings)
    params = load_params()
    typer.echo(summary(sync(registry, params), params))

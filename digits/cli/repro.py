"""`digits repro`"""

from typing import Annotated

import typer

from digits.cli.app import enter_project, open_registry


def repro(
    settings: Annotated[
        list[str], typer.Option("--set", help="section.key=value, for this run; may be repeated.")
    ] = [],  # noqa: B006
) -> None:
    """Run the pipeline and say what came of it: what `make repro` and `mlflow run .` call.

    Example: `digits repro --set train.learning_rate=0.002`
    """
    from digits.experiments.reproduce import check, reproduce
    from digits.params import load_params
    from digits.registry.sync import summary, sync

    enter_project()
    check(settings)
    # A store that does not answer, or a name that is taken, is known here, before the minutes of training.
    registry = open_registry()
    reproduce(settings)
    params = load_params()
    typer.echo(summary(sync(registry, params), params))

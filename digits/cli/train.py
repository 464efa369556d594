"""`digits train`"""

from typing import Annotated

import typer

from digits.cli.app import RECIPES
from digits.cli.repro import repro


def train(
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Processes that share each batch; default: as in params.yaml."),
    ] = None,
    recipe: Annotated[str, typer.Option(metavar="NAME", help=f"Lay a recipe over params.yaml: {RECIPES}.")] = "",
    settings: Annotated[
        list[str], typer.Option("--set", help="section.key=value, for this run; may be repeated, and wins.")
    ] = [],  # noqa: B006
) -> None:
    """Train one network with several processes of this machine, and do the rest of the pipeline.

    It is `digits repro --set train.workers=N`. More than one worker need JAX: `pip install 'digits[jax]'`. The same
    command goes on after the last epoch of a training that was interrupted.

    Example: `digits train --workers 2 --recipe fast`
    """
    if workers and workers > 1:
        from digits.model.jax_runtime import require_jax

        # It is known here, before the minutes of the stages before.
        require_jax()
    repro(recipe, [*([] if workers is None else [f"train.workers={workers}"]), *settings])

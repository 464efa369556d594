"""`digits train`"""

import os
from typing import Annotated

import typer

from digits.cli.app import RECIPES, AddressOption
from digits.cli.repro import repro
from digits.errors import DigitsError


def train(
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Processes that share each batch; default: as in params.yaml."),
    ] = None,
    address: AddressOption = "",
    recipe: Annotated[str, typer.Option(metavar="NAME", help=f"Lay a recipe over params.yaml: {RECIPES}.")] = "",
    settings: Annotated[
        list[str], typer.Option("--set", help="section.key=value, for this run; may be repeated, and wins.")
    ] = [],  # noqa: B006
) -> None:
    """Train one network with several processes, of this machine or a Ray cluster, and do the rest of the pipeline.

    It is `digits repro --set train.workers=N`. More than one worker need JAX: `pip install 'digits[jax]'`. The same
    command goes on after the last epoch of a training that was interrupted.

    Example: `digits train --workers 2 --recipe fast`
    """
    if address:
        from digits.workers.cluster import ADDRESS_VARIABLE, refuse_silent, require_ray

        if not workers or workers == 1:
            raise DigitsError("--address is for several workers: say how many with --workers")
        require_ray()
        refuse_silent(address)
        # Where the processes run is no parameter: the recipe and the bytes are the same.
        os.environ[ADDRESS_VARIABLE] = address
    if workers and workers > 1:
        from digits.model.jax_runtime import require_jax

        # It is known here, before the minutes of the stages before.
        require_jax()
    repro(recipe, [*([] if workers is None else [f"train.workers={workers}"]), *settings])

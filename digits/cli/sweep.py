"""`digits sweep`"""

from typing import Annotated

import typer

from digits.cli.app import RECIPES, enter_project
from digits.errors import DigitsError


def sweep(
    settings: Annotated[
        list[str], typer.Option("-S", "--set", help="section.key=value,value,…; may be repeated: all combinations.")
    ] = [],  # noqa: B006
    recipe: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help=f"Lay section train of a recipe under each combination: {RECIPES}; may be repeated.",
        ),
    ] = [],  # noqa: B006
    seeds: Annotated[int, typer.Option(min=0, help="Trainings of each, with seeds 1, 2, …; 0: the seed as it is.")] = 3,
    name: Annotated[str, typer.Option("-n", "--name", help="Of the experiments; alone: show that sweep.")] = "",
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Trainings at a time.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="The table as JSON.")] = False,
) -> None:
    """Train every combination of some values with several seeds; say which recipe is better on the validation images.

    The test images stay unseen: they are for the recipe that was chosen. Whatever else is in DVC's queue runs as well.

    Example: `digits sweep -S train.learning_rate=0.005,0.01 --recipe fast --recipe mid --seeds 5 --name rate`
    """
    import json
    from datetime import datetime

    from digits.experiments import sweep as act
    from digits.experiments.results import print_recipes, recipes_of, trials_of
    from digits.params import load_params

    if not settings and not recipe and not name:
        raise typer.BadParameter("give values or recipes to try, or the name of an earlier sweep", param_hint="-S")
    enter_project()
    significance = load_params().register_.promotion.significance
    name = name or f"sweep-{datetime.now():%m%d-%H%M%S}"
    missing = act.sweep(name, settings, seeds, jobs, recipe) if settings or recipe else []
    recipes = recipes_of(trials_of(name), significance)
    if as_json:
        typer.echo(json.dumps([recipe.as_dict() for recipe in recipes], indent=2, ensure_ascii=False))
    else:
        print_recipes(recipes, significance)
    if missing:
        raise DigitsError(f"{', '.join(missing)} did not end well: `dvc queue logs {missing[0]}` says why")

"""`digits sweep`"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digits.cli.app import RECIPES, AddressOption, JsonOption, enter_project
from digits.errors import DigitsError

if TYPE_CHECKING:
    from digits.experiments.results import Recipe

_Space = Annotated[
    Path | None, typer.Argument(metavar="[SPACE.yaml]", help="Choices and ranges to search, see docs/scale.md.")
]
_Settings = Annotated[
    list[str], typer.Option("-S", "--set", help="section.key=value,value,…; may be repeated: all combinations.")
]
_Recipes = Annotated[
    list[str],
    typer.Option(
        metavar="NAME", help=f"Lay section train of a recipe under each combination: {RECIPES}; may be repeated."
    ),
]
_Seeds = Annotated[int, typer.Option(min=0, help="Trainings of each, with seeds 1, 2, …; 0: the seed as it is.")]
_Name = Annotated[str, typer.Option("-n", "--name", help="Of the experiments; alone: show that sweep.")]
_Jobs = Annotated[int, typer.Option("-j", "--jobs", min=1, help="Trainings at a time in DVC's queue.")]
_Trials = Annotated[int, typer.Option(min=1, help="Trainings of a search.")]
_Finalists = Annotated[int, typer.Option(min=1, help="How many of the best of a search are compared over seeds.")]
_Concurrency = Annotated[int, typer.Option(min=0, help="Trainings of a search at a time; 0: as the CPUs allow.")]
_Resume = Annotated[str, typer.Option(metavar="NAME", help="Go on with a search that was interrupted.")]
_Apply = Annotated[bool, typer.Option("--apply", help="Run the `dvc exp run` of the best.")]


@dataclass(frozen=True)
class _Search:
    """The options of a search."""

    space: Path | None
    trials: int
    concurrency: int
    seeds: int
    finalists: int
    address: str


def sweep(
    space: _Space = None,
    settings: _Settings = [],  # noqa: B006
    recipe: _Recipes = [],  # noqa: B006
    seeds: _Seeds = 3,
    name: _Name = "",
    jobs: _Jobs = 1,
    trials: _Trials = 32,
    finalists: _Finalists = 3,
    concurrency: _Concurrency = 0,
    address: AddressOption = "",
    resume: _Resume = "",
    apply: _Apply = False,
    as_json: JsonOption = False,
) -> None:
    """Look for better parameters; the validation images alone decide. The test images stay unseen.

    With SPACE.yaml, a search by Ray and Optuna. With `-S`, every combination with several seeds, in DVC's queue (with
    whatever else is in it) or, with `--address`, on a Ray cluster.

    Example: `digits sweep -S train.learning_rate=0.005,0.01 --recipe fast --recipe mid --seeds 5 --name rate`
    """
    from datetime import datetime

    from digits.params import load_params

    if not (settings or recipe or name or space or resume):
        raise typer.BadParameter(
            "give values, recipes or a SPACE.yaml, or the name of an earlier sweep", param_hint="-S"
        )
    if (space or resume) and (settings or recipe):
        raise typer.BadParameter("a search takes its values from SPACE.yaml alone", param_hint="-S")
    options = _Search(space and space.absolute(), trials, concurrency, seeds, finalists, address)
    enter_project()
    significance = load_params().register_.promotion.significance
    name = resume or name or f"sweep-{datetime.now():%m%d-%H%M%S}"
    missing: list[str] = []
    if space or resume:
        recipes = _search(options, name, significance)
    elif address:
        recipes = _on_cluster(name, settings, recipe, seeds, address, significance)
    else:
        recipes, missing = _in_queue(name, settings, recipe, seeds, jobs, significance)
    _print(recipes, significance, as_json)
    if missing:
        raise DigitsError(f"{', '.join(missing)} did not end well: `dvc queue logs {missing[0]}` says why")
    if apply:
        _apply(recipes)


def _search(options: _Search, name: str, significance: float) -> list[Recipe]:
    """Begin a search, or go on with one; write its page and say where."""
    from joblib import cpu_count

    from digits.experiments import search
    from digits.experiments.live import LiveTable
    from digits.experiments.results import recipes_of
    from digits.experiments.space import Space, read_space
    from digits.experiments.summary import page_of
    from digits.files import write_text
    from digits.params import read_params

    if options.space:
        plan = search.make_plan(read_space(options.space), read_params(), options.trials, options.concurrency)
        search.write_plan(plan, name)
    else:
        plan = search.read_plan(name)
    with LiveTable() as table:
        outcome = search.run_search(
            plan, name, max(1, options.seeds), options.finalists, table.show, options.address, cpu_count()
        )
    page = search.folder_of(name) / "index.html"
    write_text(page, page_of(name, outcome, Space(plan.space, name), significance))
    typer.echo(f"The search as a page: {page}", err=True)
    return recipes_of(outcome.finalists, significance)


def _on_cluster(
    name: str, settings: list[str], recipes: list[str], seeds: int, address: str, significance: float
) -> list[Recipe]:
    from digits.experiments.grid import run_grid
    from digits.experiments.results import recipes_of

    return recipes_of(run_grid(name, settings, recipes, seeds, address), significance)


def _in_queue(
    name: str, settings: list[str], recipes: list[str], seeds: int, jobs: int, significance: float
) -> tuple[list[Recipe], list[str]]:
    """The recipes, and the experiments that did not end well."""
    from digits.experiments import sweep as act
    from digits.experiments.results import recipes_of, trials_of

    missing = act.sweep(name, settings, seeds, jobs, recipes) if settings or recipes else []
    return recipes_of(trials_of(name), significance), missing


def _print(recipes: list[Recipe], significance: float, as_json: bool) -> None:
    import json

    from digits.experiments.results import print_recipes

    if as_json:
        typer.echo(json.dumps([recipe.as_dict() for recipe in recipes], indent=2, ensure_ascii=False))
    else:
        print_recipes(recipes, significance)


def _apply(recipes: list[Recipe]) -> None:
    """Make the best a result of the pipeline, if it is not what params.yaml says already."""
    from digits.experiments.reproduce import reproduce
    from digits.params import setting

    best = max(recipes, key=lambda recipe: recipe.accuracy)
    changed = [setting(key, value) for key, value in best.trials[0].changed.items()]
    if not changed:
        typer.echo("params.yaml has the best parameters already: nothing to apply")
        return
    reproduce(changed)

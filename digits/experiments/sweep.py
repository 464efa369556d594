"""Running a sweep: every combination of some values, each trained with several seeds, as DVC experiments.

They run up to stage train and are judged by the validation images: as many recipes may be tried as one likes, and the
test images stay unseen until `dvc exp run` evaluates the one that was chosen.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from digits import dvc
from digits.errors import DigitsError
from digits.experiments.queue import check_queue
from digits.experiments.results import RECIPE, SECTION, SEED, find_trials
from digits.params import override, parse_params, read_params, recipe_settings, setting


def expand(settings: Sequence[str], raw: dict[str, Any]) -> list[list[str]]:
    """Every combination of the values, as DVC expands them (Hydra's grammar: `key=1,2`, `key=range(1,4)`).

    Args:
        settings: `section.key=value,value,…`.
        raw: the content of params.yaml.

    Returns:
        Lists of `section.key=value`, in the order in which DVC queues them.

    Raises:
        DigitsError: a setting cannot be read, is not of section `train`, or the schema refuses a combination.
    """
    for one in settings:
        if not one.startswith(SECTION):
            raise DigitsError(f"-S {one}: recipes are trainings on the same images, so only {SECTION}… can vary")
    combinations = dvc.combinations(settings)
    for combination in combinations:
        changed = copy.deepcopy(raw)
        for one in combination:
            override(changed, one)
        parse_params(changed)
    return combinations


def recipe_combinations(recipe: str, settings: Sequence[str], raw: dict[str, Any]) -> list[list[str]]:
    """As `expand`, with what a recipe says of section `train` below the settings, and the recipe's name.

    The rest of a recipe stays away, so that all trainings have the same validation images.

    Raises:
        DigitsError: as `expand`, and there is no such recipe, or it does not fit.
    """
    laid = recipe_settings(recipe, raw)
    below = {key: setting(key, value) for key, value in laid.items() if key == RECIPE or key.startswith(SECTION)}
    changed = copy.deepcopy(raw)
    for one in below.values():
        override(changed, one)
    return [
        [one for key, one in below.items() if key not in {s.partition("=")[0] for s in combination}] + combination
        for combination in (expand(settings, changed) if settings else [[]])
    ]


def sweep(name: str, settings: Sequence[str], seeds: int, jobs: int, recipes: Sequence[str] = ()) -> list[str]:
    """Queue every combination as a DVC experiment `<name>-1`, `<name>-2`, … up to stage train, and run the queue.

    Args:
        name: of the experiments.
        settings: as for `expand`.
        seeds: how many trainings of each, with seeds 1, 2, …; 0 leaves `train.seed` to params.yaml and the settings.
        jobs: trainings at a time.
        recipes: each combination is trained with each of them; without any, with params.yaml as it is.

    Returns:
        The experiments that did not end well.

    Raises:
        DigitsError: as `recipe_combinations`; or the repository is not what DVC's queue needs; or DVC refused, and has
            said why; or no training ended well.
    """
    raw = read_params()
    if seeds:
        if any(one.startswith(f"{SEED}=") for one in settings):
            raise DigitsError(f"-S {SEED} and --seeds contradict each other: leave one out")
        settings = [*settings, f"{SEED}=range(1,{seeds + 1})"]
    if recipes:
        # DVC multiplies settings with each other, and those of a recipe belong together: each training is queued alone.
        queued = [words for recipe in dict.fromkeys(recipes) for words in recipe_combinations(recipe, settings, raw)]
        names = [f"{name}-{number}" for number in range(1, len(queued) + 1)]
        calls = list(zip(names, queued, strict=True))
    else:
        expand(settings, raw)
        names = dvc.queued_names(name, settings)
        calls = [(name, list(settings))]
    check_queue("a sweep")
    for called, words in calls:
        dvc.run("exp", "run", "--queue", "-n", called, *(word for one in words for word in ("-S", one)), "train")
    dvc.run("exp", "run", "--run-all", "-j", str(jobs))
    found = {trial.experiment for trial in find_trials(name)}
    missing = [experiment for experiment in names if experiment not in found]
    if missing == names:
        raise DigitsError(f"no training ended well: `dvc queue logs {names[0]}` says why")
    return missing

"""Recipes: files of recipes/ with the parameters of a training, laid over params.yaml and checked by its schema.

A recipe is laid over `seed`, which has the default of every key that any recipe sets. So what a recipe gives does not
depend on the recipe that was there before.
"""

from __future__ import annotations

import copy
import difflib
from pathlib import Path
from typing import Any

from digits import paths
from digits.errors import DigitsError
from digits.params.load import parse_params, read_params
from digits.params.schema import flatten

# The key of params.yaml that names the recipe, and the recipe under all others.
LABEL, SEED_RECIPE = "recipe", "seed"


def recipe_settings(name: str, raw: dict[str, Any]) -> dict[str, Any]:
    """The parameters that a recipe sets, its name as `recipe` first: `{"recipe": "fast", "train.epochs": 1, …}`.

    Args:
        name: of a file in recipes/ of the current folder, without `.yaml`.
        raw: the content of params.yaml, which stays as it is.

    Raises:
        DigitsError: there is no such recipe; or a file of it cannot be read, or does not fit the schema or the rest of
            params.yaml; or it sets a key of which `seed` has no default.
    """
    names = paths.recipe_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        there = f"there are {', '.join(names)}" if names else f"there is none in {paths.RECIPES}/"
        raise DigitsError(
            f"no recipe is called {name!r}" + (f", did you mean {near[0]}?" if near else ":") + f" {there}"
        )
    parse_params(raw)
    laid = copy.deepcopy(raw)
    seed = _lay(SEED_RECIPE, laid) if SEED_RECIPE in names else None
    settings = seed or {}
    if name != SEED_RECIPE:
        recipe = _lay(name, laid)
        if seed is not None and (lacking := [key for key in recipe if key not in seed]):
            raise DigitsError(
                f"{_file(name)} sets {', '.join(lacking)}, and {_file(SEED_RECIPE)} does not: add the default there, "
                "so that one can go back"
            )
        settings = settings | recipe
    return {LABEL: name} | {key: value for key, value in settings.items() if key != LABEL}


def seed_settings() -> dict[str, Any]:
    """The defaults of all that recipes set, flat; empty where the current folder has no recipe `seed`.

    Raises:
        DigitsError: the recipe cannot be read.
    """
    file = _file(SEED_RECIPE)
    recipe = read_params(file) if file.is_file() else {}
    return flatten(recipe) if isinstance(recipe, dict) else {}


def _lay(name: str, raw: dict[str, Any]) -> dict[str, Any]:
    """Lay a recipe over parameters, in place. Returns what it sets, flat."""
    file = _file(name)
    recipe = read_params(file)
    if not isinstance(recipe, dict):
        raise DigitsError(
            f"{file}: a mapping of sections is expected, as in {paths.PARAMS}, not {type(recipe).__name__}"
        )
    _merge(raw, recipe)
    parse_params(raw, str(file))
    return flatten(recipe)


def _merge(below: dict[str, Any], above: dict[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _merge(below[key], value)
        else:
            below[key] = copy.deepcopy(value)


def _file(name: str) -> Path:
    return paths.RECIPES / f"{name}.yaml"

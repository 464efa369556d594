"""Choosing a recipe: every combination of some values, each trained with several seeds, as DVC experiments.

They run up to stage train and are judged by the validation images: as many recipes may be tried as one likes, and the
test images stay unseen until `dvc exp run` evaluates the one that was chosen. All recipes meet the same seeds, so they
are compared in pairs. Why a single training of each says little: X. Bouthillier et al., "Accounting for variance in
machine learning benchmarks", MLSys 2021.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text
from ruamel.yaml import YAML

from digits import layout
from digits.errors import DigitsError
from digits.params import flatten, parse_params, read_params
from digits.provenance import git
from digits.repro import apply_setting, run_dvc
from digits.statistics import FEWEST_SEEDS, SeedComparison, compare_seeds, mean_interval

SECTION, SEED = "train.", "train.seed"


@dataclass(frozen=True)
class Trial:
    """One training: its flat parameters, and what reports/training.json says of it."""

    experiment: str
    params: dict[str, Any]
    training: dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """Trainings that differ in their seed alone.

    Attributes:
        settings: the parameters in which the recipes differ, and its values.
        trials: by ascending seed.
        accuracy: mean validation accuracy.
        low: lower end of its interval over the seeds; None with fewer than 3.
        high: its upper end.
        comparison: with the first recipe, over the seeds that both have; None for itself, and with fewer than 3.
    """

    settings: dict[str, Any]
    trials: list[Trial]
    accuracy: float
    low: float | None
    high: float | None
    comparison: SeedComparison | None

    @property
    def name(self) -> str:
        """The settings in a few words, without their section."""
        return ", ".join(f"{key.removeprefix(SECTION)}={value}" for key, value in self.settings.items()) or "one recipe"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: settings, validation accuracy by experiment and seed, mean, interval, comparison."""
        return {
            "settings": self.settings,
            "trials": [
                {"experiment": trial.experiment, "seed": trial.params[SEED], **trial.training} for trial in self.trials
            ],
            "val_accuracy": {"mean": self.accuracy, "low": self.low, "high": self.high},
            "against_first": self.comparison and {"verdict": self.comparison.verdict, **asdict(self.comparison)},
        }


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
    from dvc.utils.hydra import get_hydra_sweeps
    from hydra.errors import HydraException

    for setting in settings:
        if not setting.startswith(SECTION):
            raise DigitsError(f"-S {setting}: recipes are trainings on the same images, so only {SECTION}… can vary")
    try:
        combinations = [sweep["params.yaml"] for sweep in get_hydra_sweeps({"params.yaml": list(settings)})]
    except HydraException as error:
        raise DigitsError(f"-S {' -S '.join(settings)}: {str(error).splitlines()[0]}") from None
    for combination in combinations:
        changed = copy.deepcopy(raw)
        for setting in combination:
            apply_setting(changed, setting)
        parse_params(changed)
    return combinations


def sweep(name: str, settings: Sequence[str], seeds: int, jobs: int) -> list[str]:
    """Queue every combination as a DVC experiment `<name>-1`, `<name>-2`, … up to stage train, and run the queue.

    Args:
        name: of the experiments.
        settings: as for `expand`.
        seeds: how many trainings of each, with seeds 1, 2, …; 0 leaves `train.seed` to params.yaml and the settings.
        jobs: trainings at a time.

    Returns:
        The experiments that did not end well.

    Raises:
        DigitsError: as `expand`; or DVC refused, and has said why.
    """
    raw = read_params()
    if seeds:
        if any(setting.startswith(f"{SEED}=") for setting in settings):
            raise DigitsError(f"-S {SEED} and --seeds contradict each other: leave one out")
        settings = [*settings, f"{SEED}=range(1,{seeds + 1})"]
    count = len(expand(settings, raw))
    words = [word for setting in settings for word in ("-S", setting)]
    run_dvc("exp", "run", "--queue", "-n", name, *words, "train")
    run_dvc("exp", "run", "--run-all", "-j", str(jobs))
    expected = [f"{name}-{number}" for number in range(1, count + 1)] if count > 1 else [name]
    found = {trial.experiment for trial in trials_of(name)}
    return [experiment for experiment in expected if experiment not in found]


def trials_of(name: str) -> list[Trial]:
    """The trainings of a sweep in their order, from the files that DVC keeps in git with each experiment.

    Raises:
        DigitsError: there is none of that name.
    """
    # Newest first: DVC lets experiments on another commit have the same names.
    refs = (git("for-each-ref", "--sort=-committerdate", "--format=%(refname)", "refs/exps") or "").splitlines()
    pattern = re.compile(rf"(refs/exps/[0-9a-f]+/[0-9a-f]+)/({re.escape(name)}(?:-(\d+))?)")
    matches = list(filter(None, map(pattern.fullmatch, refs)))
    matches = [match for match in matches if match[1] == matches[0][1]]
    trials = []
    for match in sorted(matches, key=lambda match: int(match[3] or 0)):
        params, training = (git("show", f"{match[0]}:{path}") for path in ("params.yaml", layout.TRAINING))
        if params is not None and training is not None:
            trials.append(Trial(match[2], flatten(YAML(typ="safe").load(params)), json.loads(training)))
    if not trials:
        raise DigitsError(f"no DVC experiment of a sweep is called {name}: `dvc exp list --all` lists them")
    return trials


def recipes_of(trials: Sequence[Trial], significance: float) -> list[Recipe]:
    """Group trainings by everything but the seed, in order of appearance, and compare each recipe with the first.

    Args:
        trials: of one sweep.
        significance: of the verdicts, after Holm's correction; intervals have confidence 1 - `significance`.
    """
    keys = dict.fromkeys(key for trial in trials for key in trial.params if key != SEED)
    differing = [key for key in keys if len({str(trial.params.get(key)) for trial in trials}) > 1]
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(str([trial.params.get(key) for key in differing]), []).append(trial)
    by_seed = [{trial.params[SEED]: trial.training["val_accuracy"] for trial in group} for group in groups.values()]
    comparisons = compare_seeds(by_seed[0], by_seed[1:], significance)
    recipes = []
    for group, scores, comparison in zip(groups.values(), by_seed, [None, *comparisons], strict=True):
        values = np.array(list(scores.values()))
        low, high = mean_interval(values, 1 - significance) if len(values) >= FEWEST_SEEDS else (None, None)
        settings = {key: group[0].params.get(key) for key in differing}
        ordered = sorted(group, key=lambda trial: trial.params[SEED])
        recipes.append(Recipe(settings, ordered, float(values.mean()), low, high, comparison))
    return recipes


def print_recipes(recipes: Sequence[Recipe], significance: float, console: Console | None = None) -> None:
    """Print a table, best first, and what to do next."""
    console = console or Console()
    first, best = recipes[0], max(recipes, key=lambda recipe: recipe.accuracy)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("recipe", overflow="fold")
    for heading in ("seeds", "epochs", "validation\naccuracy in %", "against the first\nin points", "verdict"):
        table.add_column(heading, justify="left" if heading == "verdict" else "right")
    for recipe in sorted(recipes, key=lambda recipe: -recipe.accuracy):
        spread = ""
        if recipe.low is not None and recipe.high is not None:
            spread = f"\n({recipe.low * 100:.2f} to {recipe.high * 100:.2f})"
        epochs = np.mean([trial.training["epochs"] for trial in recipe.trials])
        against, verdict = "–", "the first" if recipe is first else "too few seeds"
        if found := recipe.comparison:
            against = f"{found.difference * 100:+.2f}\n({found.low * 100:+.2f} to {found.high * 100:+.2f})"
            verdict = f"{found.verdict}\np = {found.p_adjusted:.3f}"
        accuracy = f"{recipe.accuracy * 100:.2f}{spread}"
        table.add_row(Text(recipe.name), str(len(recipe.trials)), f"{epochs:.1f}", accuracy, against, verdict)
    console.print(table)
    console.print(
        f"Judged by the validation images alone. Intervals: {1 - significance:.0%}, Student's t over the seeds; "
        f"differences in pairs of the same seed, p corrected for all comparisons (Holm). Fewer than {FEWEST_SEEDS} "
        "seeds give neither: the seed alone moves the accuracy by tenths of a point.",
        highlight=False,
    )
    words = "".join(f" -S {key}={value}" for key, value in best.settings.items())
    console.print(Text(f"To evaluate the best of them on the test images: dvc exp run{words}"), soft_wrap=True)

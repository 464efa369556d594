"""What a sweep found: its trainings grouped into recipes, compared in pairs of the same seed.

Why a single training of each recipe says little: X. Bouthillier et al., "Accounting for variance in machine learning
benchmarks", MLSys 2021.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from digits import dvc, git, paths
from digits.errors import DigitsError
from digits.evaluation.intervals import mean_interval
from digits.evaluation.seeds import FEWEST_SEEDS, SeedComparison, compare_seeds
from digits.files import parse_json
from digits.params import option
from digits.results import SHAPES
from digits.tracking import artifacts
from digits.tracking.source import committed_params

SECTION, SEED, WORKERS, RECIPE = "train.", "train.seed", "train.workers", artifacts.RECIPE


@dataclass(frozen=True)
class Trial:
    """One training.

    Attributes:
        experiment: of DVC.
        params: flat.
        training: what reports/training.json says of it.
        committed: flat parameters of the commit that the experiment started from.
    """

    experiment: str
    params: dict[str, Any]
    training: dict[str, Any]
    committed: dict[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> dict[str, Any]:
        """The parameters but for the seed that differ from the commit's."""
        known = self.committed or self.params
        return {key: value for key, value in self.params.items() if key != SEED and known.get(key) != value}


@dataclass(frozen=True)
class Recipe:
    """Trainings that differ in their seed alone.

    Attributes:
        settings: the parameters in which the recipes differ, and its values.
        telling: those of them that its name says: not what follows from the name of a file in recipes/.
        trials: by ascending seed.
        accuracy: mean validation accuracy.
        low: lower end of its interval over the seeds; None with fewer than 3.
        high: its upper end.
        comparison: with the first recipe, over the seeds that both have; None for itself, and with fewer than 3.
    """

    settings: dict[str, Any]
    telling: list[str]
    trials: list[Trial]
    accuracy: float
    low: float | None
    high: float | None
    comparison: SeedComparison | None

    @property
    def name(self) -> str:
        """The settings in a few words, without their section."""
        words = [f"{key.removeprefix(SECTION)}={self.settings[key]}" for key in self.telling]
        return ", ".join(words).removeprefix(f"{RECIPE}=") or "one recipe"

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


def trials_of(name: str) -> list[Trial]:
    """As `find_trials`.

    Raises:
        DigitsError: there is none of that name.
    """
    trials = find_trials(name)
    if not trials:
        raise DigitsError(f"no DVC experiment of a sweep is called {name}: `dvc exp list --all` lists them")
    return trials


def find_trials(name: str) -> list[Trial]:
    """The trainings of a sweep in their order, from the files that DVC keeps in git with each experiment."""
    git.require_commit("a sweep")
    pattern = re.compile(rf"{re.escape(name)}(?:-(\d+))?")
    found = [(experiment, match) for experiment in dvc.experiments() if (match := pattern.fullmatch(experiment.name))]
    # DVC lets experiments on other commits have the same names. The newest decides.
    found = [(experiment, match) for experiment, match in found if experiment.baseline == found[0][0].baseline]
    trials = []
    for experiment, _ in sorted(found, key=lambda pair: int(pair[1][1] or 0)):
        params, training = committed_params(experiment.ref), git.show(experiment.ref, paths.TRAINING)
        if params is not None and training is not None:
            file = f"{paths.TRAINING} of {experiment.name}"
            way_out = f"`dvc exp remove {experiment.name}`, and run it again"
            facts = parse_json(training, file, SHAPES[paths.TRAINING], way_out)
            trials.append(Trial(experiment.name, params, facts, committed_params(experiment.baseline) or {}))
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
        telling = [key for key in differing if key == RECIPE or not _follows(key, trials)]
        ordered = sorted(group, key=lambda trial: trial.params[SEED])
        recipes.append(Recipe(settings, telling, ordered, float(values.mean()), low, high, comparison))
    return recipes


def _follows(key: str, trials: Sequence[Trial]) -> bool:
    """Whether the value of a parameter follows from the name of the recipe, of which there are several."""
    values: dict[str, set[str]] = {}
    for trial in trials:
        values.setdefault(str(trial.params.get(RECIPE)), set()).add(str(trial.params.get(key)))
    return len(values) > 1 and all(len(found) == 1 for found in values.values())


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
    # Also what all recipes have in common, and the commit has not.
    words = " ".join(option(key, value) for key, value in (best.settings | best.trials[0].changed).items())
    console.print(
        Text(f"To evaluate the best of them on the test images: dvc exp run {words}".rstrip()), soft_wrap=True
    )

"""Every combination of some values, each with several seeds, on a Ray cluster instead of DVC's queue."""

from __future__ import annotations

from collections.abc import Sequence

from digits import paths
from digits.experiments.results import SEED, Trial
from digits.experiments.search import folder_of, run_jobs
from digits.experiments.sweep import expand, recipe_combinations
from digits.experiments.trial import Job
from digits.params import parse_params, read_params


def run_grid(name: str, settings: Sequence[str], recipes: Sequence[str], seeds: int, address: str) -> list[Trial]:
    """Train all of them. What an earlier call of that name has done is not done again.

    Args:
        name: of the sweep.
        settings: as for `digits.experiments.sweep.sweep`.
        recipes: likewise.
        seeds: likewise.
        address: of the cluster.

    Raises:
        DigitsError: as `expand` and `run_jobs`.
    """
    raw = read_params()
    if recipes:
        combinations = [words for recipe in recipes for words in recipe_combinations(recipe, settings, raw)]
    else:
        combinations = expand(settings, raw)
    threads = parse_params(raw).train.threads
    folder, project = folder_of(name) / "grid", str(paths.project_root().resolve())
    jobs = [
        Job(str(folder / f"{number}-{seed}"), project, raw, [*words, *([f"{SEED}={seed}"] if seeds else [])])
        for number, words in enumerate(combinations, 1)
        for seed in range(1, max(1, seeds) + 1)
    ]
    return run_jobs(jobs, raw, threads, address)

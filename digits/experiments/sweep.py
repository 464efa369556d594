"""Running a sweep: every combination of some values, each trained with several seeds, as DVC experiments.

They run up to stage train and are judged by the validation images: as many recipes may be tried as one likes, and the
test images stay unseen until `dvc exp run` evaluates the one that was chosen.
"""

from __future__ import annotations

import copy
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digits import dvc, git
from digits.errors import DigitsError
from digits.experiments.results import SECTION, SEED, find_trials
from digits.params import override, parse_params, read_params
from digits.registry.lineage import few
from digits.tracking.untracked import untracked_sources

# In one line.
_MOST_NAMES = 8


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
    for setting in settings:
        if not setting.startswith(SECTION):
            raise DigitsError(f"-S {setting}: recipes are trainings on the same images, so only {SECTION}… can vary")
    combinations = dvc.combinations(settings)
    for combination in combinations:
        changed = copy.deepcopy(raw)
        for setting in combination:
            override(changed, setting)
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
        DigitsError: as `expand`; or the repository is not what DVC's queue needs; or DVC refused, and has said why; or
            no training ended well.
    """
    raw = read_params()
    if seeds:
        if any(setting.startswith(f"{SEED}=") for setting in settings):
            raise DigitsError(f"-S {SEED} and --seeds contradict each other: leave one out")
        settings = [*settings, f"{SEED}=range(1,{seeds + 1})"]
    expand(settings, raw)
    names = dvc.queued_names(name, settings)
    _check_repository()
    words = [word for setting in settings for word in ("-S", setting)]
    dvc.run("exp", "run", "--queue", "-n", name, *words, "train")
    dvc.run("exp", "run", "--run-all", "-j", str(jobs))
    found = {trial.experiment for trial in find_trials(name)}
    missing = [experiment for experiment in names if experiment not in found]
    if missing == names:
        raise DigitsError(f"no training ended well: `dvc queue logs {names[0]}` says why")
    return missing


def _check_repository() -> None:
    """Refuse where DVC's queue would train, and fail in the end: it works in copies of what git has."""
    git.require_commit("a sweep")
    if git.is_shallow():
        # Measured with DVC 3.67: the commits of the copies cannot be fetched from them.
        raise DigitsError(
            "this is a shallow clone, from which DVC's queue brings no result back: `git fetch --unshallow` first"
        )
    if git.lacks_objects():
        # Likewise: its worker dies, and `dvc exp run --run-all` waits for it for ever.
        raise DigitsError(
            "this is a partial clone, and DVC's queue needs the whole history: `git fetch --refetch --no-filter` first"
        )
    if untracked := untracked_sources():
        add = untracked if len(untracked) <= _MOST_NAMES else sorted({Path(name).parts[0] for name in untracked})
        raise DigitsError(
            f"DVC's queue works in copies, which have only files that git tracks, not {few(untracked, _MOST_NAMES)}: "
            f"`git add {' '.join(map(shlex.quote, add))}`, or move away what no stage needs"
        )

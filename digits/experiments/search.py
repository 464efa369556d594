"""A search for better parameters: many short trainings find a few good ones, which are then compared over seeds.

Validation images alone decide. The winner is only a suggestion: `dvc exp run -S …` makes it a result of the pipeline.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from digits import paths
from digits.errors import DigitsError
from digits.experiments import tune
from digits.experiments.progress import BROKEN, RUNNING, STOPPED, Progress, end_rest, progress_of
from digits.experiments.results import SEED, Trial
from digits.experiments.space import Space
from digits.experiments.trial import Job, train_job
from digits.experiments.tune import TRIALS, Plan
from digits.files import read_json, write_json
from digits.params import flatten, parse_params
from digits.tracking.store import connect
from digits.tracking.sweep import SweepRuns
from digits.workers.pool import run_all

_PLAN, _SEARCHED, _FINALISTS = "plan.json", "searched.json", "finalists"
_NAME = re.compile(r"\w[\w.-]*")
_SECONDS_BETWEEN_LOOKS = 1.0
Show = Callable[[list[Progress]], None]


class Outcome(NamedTuple):
    """What a search found.

    Attributes:
        trials: the trainings of the search.
        finalists: trainings of params.yaml, then of the best parameters, each with all seeds.
    """

    trials: list[Progress]
    finalists: list[Trial]


def folder_of(name: str) -> Path:
    """Where a search keeps its trainings.

    Raises:
        DigitsError: the name is not one for a folder.
    """
    if not _NAME.fullmatch(name):
        raise DigitsError(f"--name {name}: letters, digits, dots, dashes and underscores are expected")
    return paths.state() / "sweeps" / name


def make_plan(space: Space, params: dict[str, Any], trials: int, concurrency: int) -> Plan:
    """A search that can be run.

    Args:
        space: what varies.
        params: the content of params.yaml.
        trials: how many trainings.
        concurrency: at most at a time; 0: as many as there are CPUs for.

    Raises:
        DigitsError: the schema refuses a value of the space, or params.yaml asks for several networks.
    """
    space.refuse_invalid(params, "the space")
    train = parse_params(params).train
    if train.members > 1 or train.student.epochs:
        raise DigitsError("a search trains single networks: set train.members to 1 and train.student.epochs to 0")
    if train.workers > 1:
        raise DigitsError("a training of a search is one process: set train.workers to 1")
    longest = space.raw.get("train.epochs", train.epochs)
    epochs = max(longest) if isinstance(longest, list) else longest["high"] if isinstance(longest, dict) else longest
    return Plan(space.raw, params, trials, epochs, train.threads, train.seed, concurrency)


def write_plan(plan: Plan, name: str) -> None:
    """Write down a search before it begins, for `read_plan`.

    Raises:
        DigitsError: there is one of that name.
    """
    file = folder_of(name) / _PLAN
    if file.is_file():
        raise DigitsError(f"there is a sweep called {name}: `digits sweep --resume {name}` goes on with it")
    write_json(file, plan._asdict())


def read_plan(name: str) -> Plan:
    """A search that was begun.

    Raises:
        DigitsError: there is none of that name.
    """
    file = folder_of(name) / _PLAN
    if not file.is_file():
        known = sorted(one.parent.name for one in (paths.state() / "sweeps").glob(f"*/{_PLAN}"))
        raise DigitsError(f"no sweep is called {name}; there are: {', '.join(known) or 'none'}")
    return Plan(**read_json(file))


def run_search(
    plan: Plan, name: str, seeds: int, finalists: int, show: Show, address: str = "", cpus: int = 1
) -> Outcome:
    """Run a search and compare its best parameters with those of params.yaml, or do what is left of that.

    Args:
        plan: from `make_plan` or `read_plan`.
        name: of the search.
        seeds: trainings of each of the best, with seeds 1, 2, …
        finalists: how many of the best are compared.
        show: is given the trainings of a phase every second, and at its end.
        address: of a Ray cluster; empty for one on this machine.
        cpus: of this machine.

    Raises:
        DigitsError: as `digits.experiments.tune.search`; it was interrupted; or no training ended well.
    """
    folder, project = folder_of(name), paths.project_root().resolve()
    runs = SweepRuns(connect(), name, flatten(plan.params))
    searched = folder / _SEARCHED
    if not searched.is_file():
        with _following(folder / TRIALS, runs, show, "trial"):
            if not tune.search(plan, folder, project, address, max(cpus, plan.threads)):
                raise DigitsError(f"interrupted: `digits sweep --resume {name}` goes on")
            end_rest(folder / TRIALS)
        write_json(searched, {"trials": plan.trials})
    trials = progress_of(folder / TRIALS)
    good = sorted((one for one in trials if one.epochs and one.status != BROKEN), key=lambda one: -one.accuracy)
    if not good:
        reason = next((one.reason for one in trials if one.reason), "")
        raise DigitsError(f"no training of the sweep ended well{': ' if reason else ''}{reason}")
    jobs = _jobs(plan, [one.settings for one in good[:finalists]], seeds, folder / _FINALISTS, project)
    with _following(folder / _FINALISTS, runs, show, "finalist"):
        compared = run_jobs(jobs, plan.params, plan.threads, address, cpus)
    best = max(trials, key=lambda one: one.accuracy)
    runs.finish(best.settings, {"val_accuracy": best.accuracy, "trials": len(trials)})
    return Outcome(trials, compared)


def run_jobs(jobs: list[Job], params: dict[str, Any], threads: int, address: str, cpus: int = 1) -> list[Trial]:
    """Do trainings, as many at a time as there are CPUs for. What an earlier call has done is not done again.

    Args:
        jobs: the trainings.
        params: the content of params.yaml, which they change.
        threads: of a training.
        address: as for `run_search`.
        cpus: as for `run_search`.

    Raises:
        DigitsError: one failed.
    """
    done = {one["job"]: one for one in run_all(train_job, jobs, max(1, cpus // threads), address, threads)}
    committed = flatten(params)
    return [Trial(str(job), done[str(job)]["params"], done[str(job)]["training"], committed) for job in jobs]


def _jobs(plan: Plan, finalists: list[dict[str, str]], seeds: int, folder: Path, project: Path) -> list[Job]:
    """The parameters of params.yaml, then the best ones, each with all seeds."""
    return [
        Job(
            str(folder / f"{number}-{seed}"),
            str(project),
            plan.params,
            [*(f"{key}={value}" for key, value in settings.items()), f"{SEED}={seed}"],
        )
        for number, settings in enumerate([{}, *finalists])
        for seed in range(1, seeds + 1)
    ]


@contextmanager
def _following(folder: Path, runs: SweepRuns, show: Show, kind: str) -> Iterator[None]:
    """Write what the trainings in a folder do into their runs, and show it, until the block ends."""
    ended, seen = threading.Event(), dict[str, tuple[str, int]]()

    def look() -> None:
        found = progress_of(folder)
        for one in found:
            trial, state = f"{kind} {one.name}", (one.status, len(one.epochs))
            if seen.get(trial) != state:
                runs.log(trial, f"{kind} {one.number}", one.settings, one.epochs)
                if one.status != RUNNING:
                    stopped = one.epochs[-1]["epoch"] if one.status == STOPPED and one.epochs else None
                    runs.end(trial, "FAILED" if one.status == BROKEN else "FINISHED", stopped, one.reason)
                seen[trial] = state
        show(found)

    def follow() -> None:
        while not ended.wait(_SECONDS_BETWEEN_LOOKS):
            # A store that does not answer now may do so later. The last look, below, raises what is still wrong.
            with suppress(Exception):
                look()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        look()

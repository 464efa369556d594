"""The engine of a search: Ray Tune places trainings, Optuna's TPE chooses parameters, ASHA ends those that fall behind.

J. Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011; L. Li et al., "A system for massively
parallel hyperparameter tuning", MLSys 2020. Both depend on the order in which trainings end: with several at a time the
same search finds other parameters.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, NamedTuple

from digits.errors import DigitsError
from digits.experiments.space import Space, settings_of
from digits.experiments.trial import FAILED, Job, epochs_of
from digits.files import write_json
from digits.workers.cluster import cluster

METRIC, EPOCH = "val_accuracy", "epoch"
# Of the trainings that are at the same epoch, one in so many goes on.
_REDUCTION = 3
_FIRST_LOOK = 1
# How often a training is begun again whose machine or process died.
_ATTEMPTS = 3
# In the folder of a search: what Ray notes, and a folder for each training.
_RAYS = "ray"
TRIALS = "trials"


class Plan(NamedTuple):
    """A search, as it is written down and taken up again.

    Attributes:
        space: content of the file with the parameters that vary.
        params: content of params.yaml.
        trials: how many trainings.
        epochs: of a training that is not ended early.
        threads: of a training.
        seed: of the choices.
        concurrency: how many trainings at most at a time; 0: as many as there are CPUs for.
    """

    space: dict[str, Any]
    params: dict[str, Any]
    trials: int
    epochs: int
    threads: int
    seed: int
    concurrency: int


def search(plan: Plan, folder: Path, project: Path, address: str, cpus: int) -> bool:
    """Run a search, or what an earlier process has left of it. Its trainings write into `folder`.

    Args:
        plan: of the search. One that is taken up again has the same.
        folder: of the search; all nodes see it under the same path.
        project: its data/processed is trained on.
        address: of a cluster; empty for one on this machine.
        cpus: that this machine gives without an address.

    Returns:
        Whether all trainings came to an end; False after an interruption.

    Raises:
        DigitsError: as `cluster`; or no node has the CPUs that a training takes.
    """
    os.environ |= {"RAY_AIR_NEW_OUTPUT": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1"}
    # It logs each training that it begins again, with a traceback.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    with cluster(address, cpus) as ray:
        from ray import tune

        _refuse_few_cpus(ray, plan.threads)
        trial = tune.with_parameters(_trial, place=(str(folder), str(project)), plan=plan)
        trainable = tune.with_resources(trial, {"cpu": plan.threads})
        path = str(folder / _RAYS)
        if tune.Tuner.can_restore(path):
            tuner = tune.Tuner.restore(path, trainable, resume_unfinished=True, restart_errored=True)
        else:
            tuner = _tuner(tune, trainable, plan, folder)
        found = tuner.fit()
    return found.num_terminated + found.num_errors == plan.trials


def _tuner(tune: Any, trainable: Any, plan: Plan, folder: Path) -> Any:
    import optuna
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = Space(plan.space, "the search's space").distributions()
    sampler = optuna.samplers.TPESampler(seed=plan.seed, multivariate=True)
    chooser: Any = OptunaSearch(space, metric=METRIC, mode="max", sampler=sampler)
    if plan.concurrency:
        chooser = ConcurrencyLimiter(chooser, plan.concurrency)
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            metric=METRIC,
            mode="max",
            num_samples=plan.trials,
            search_alg=chooser,
            scheduler=ASHAScheduler(
                time_attr=EPOCH, max_t=plan.epochs + 1, grace_period=_FIRST_LOOK, reduction_factor=_REDUCTION
            ),
            # A process that trained before has TensorFlow's threads set already.
            reuse_actors=False,
        ),
        run_config=tune.RunConfig(
            name=_RAYS,
            storage_path=str(folder),
            failure_config=tune.FailureConfig(max_failures=_ATTEMPTS),
            verbose=0,
        ),
    )


def _trial(config: dict[str, Any], place: tuple[str, str], plan: Plan) -> None:
    """One training, on whatever node: it reports each epoch, and goes on where an earlier process was killed.

    A training that fails is the worst of all, so that its parameters are not chosen again.
    """
    from ray import tune

    folder, project = place
    job = Job(f"{folder}/{TRIALS}/{tune.get_context().get_trial_id()}", project, plan.params, settings_of(config))
    try:
        for line in epochs_of(job):
            tune.report(line)
    except DigitsError as error:
        write_json(Path(job.folder) / FAILED, {"failed": str(error)})
        tune.report({EPOCH: plan.epochs, METRIC: 0.0})


def _refuse_few_cpus(ray: Any, threads: int) -> None:
    """Refuse a cluster in which no training would ever start.

    Raises:
        DigitsError: no node has so many CPUs.
    """
    most = max((int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]), default=0)
    if most < threads:
        raise DigitsError(f"train.threads = {threads}, but no node has more than {most} CPUs: lower it in params.yaml")

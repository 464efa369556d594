"""One function for many tasks, by several workers: processes of this machine, or a Ray cluster.

A worker that is killed costs the task that it was at. The task is then done again, so doing it twice must do no harm.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from digits.errors import DigitsError
from digits.program import end_with_parent
from digits.workers.cluster import cluster, get

Task = TypeVar("Task")
Result = TypeVar("Result")

# How often a task is tried whose worker is killed.
_ATTEMPTS = 3


def run_all(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int, address: str = "", cpus: int = 1
) -> Iterator[Result]:
    """Call a function for each task, and yield the results as they come.

    Args:
        function: of a module, so that another process finds it.
        tasks: what it takes. They are pickled, and named in messages by `str`.
        workers: how many run at a time on this machine; 0 for as many as this process has processors.
        address: of a Ray cluster, which runs as many at a time as it has CPUs for.
        cpus: that a task takes there.

    Raises:
        DigitsError: the function raised it; or the workers of a task were killed three times; or as `cluster`.
    """
    if address:
        yield from _on_cluster(function, tasks, address, cpus)
    else:
        # It knows the limits of containers, too.
        from joblib import cpu_count

        yield from _here(function, tasks, workers or cpu_count())


def _here(function: Callable[[Task], Result], tasks: Sequence[Task], workers: int) -> Iterator[Result]:
    own, pools = threading.local(), []

    def attend(task: Task) -> Result:
        # Each worker has a pool of its own: of a common one, a killed worker would take the tasks of all others along.
        for _ in range(_ATTEMPTS):
            if not hasattr(own, "pool"):
                own.pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), end_with_parent)
                pools.append(own.pool)
            try:
                return own.pool.submit(function, task).result()
            except BrokenProcessPool:
                own.pool.shutdown()
                del own.pool
        raise _gave_up(task)

    threads = ThreadPoolExecutor(min(workers, len(tasks)) or 1)
    try:
        for done in as_completed([threads.submit(attend, task) for task in tasks]):
            yield done.result()
    finally:
        threads.shutdown(cancel_futures=True)
        for pool in pools:
            pool.shutdown()


def _on_cluster(function: Callable[[Task], Result], tasks: Sequence[Task], address: str, cpus: int) -> Iterator[Result]:
    with cluster(address) as ray:
        remote = ray.remote(num_cpus=cpus, max_retries=_ATTEMPTS - 1)(function)
        asked = {remote.remote(task): task for task in tasks}
        while asked:
            (done, *_), _ = ray.wait(list(asked))
            task = asked.pop(done)
            try:
                yield get(ray, done)
            except ray.exceptions.WorkerCrashedError:
                raise _gave_up(task) from None


def _gave_up(task: object) -> DigitsError:
    return DigitsError(f"{task}: the workers were killed {_ATTEMPTS} times, perhaps for want of memory: use fewer")

"""A training in progress, live in MLflow. If the store is lost, the training goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from digits import paths
from digits.errors import Terminated, one_line
from digits.files import sha256_file
from digits.params import Params
from digits.tracking.find import evaluated_alike, runs_of_model
from digits.tracking.record import complete_training, leave_note
from digits.tracking.run import log_metrics, start_run

if TYPE_CHECKING:
    from mlflow import MlflowClient


class LiveRun:
    """The run of a training. When the store is lost, `digits sync` completes the run later."""

    def __init__(self, client: MlflowClient, run_id: str, params: Params) -> None:
        """Write into the run `run_id`, which is RUNNING."""
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        self.client = client
        self.run_id = run_id
        self.params = params
        self.lost = False
        self.monitor = SystemMetricsMonitor(run_id)
        self.monitor.start()

    def log_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Log an epoch's metrics (epoch from 1)."""
        self._try(lambda: log_metrics(self.client, self.run_id, logs, step=epoch))

    def finish(self, seconds: float) -> None:
        """Complete the run from the files that the training wrote, or leave a note for `digits sync`."""
        sha256 = sha256_file(paths.MODEL)

        def complete() -> None:
            twin = next(evaluated_alike(runs_of_model(self.client, sha256), self.params), None)
            complete_training(self.client, self.run_id, sha256, seconds, reproduction_of=twin)

        self._try(complete)
        if self.lost:
            leave_note(sha256, self.run_id, seconds)
            print("train: the files are complete; `digits sync` completes the run once the store answers again")

    def close(self, status: str) -> None:
        """End the run: FINISHED, FAILED or KILLED."""
        if not self.lost:
            self.monitor.finish()
        self._try(lambda: self.client.set_terminated(self.run_id, status))

    def _try(self, log: Callable[[], object]) -> None:
        from mlflow.exceptions import MlflowException

        if self.lost:
            return
        try:
            log()
        # Losing the record must not lose the training: the files have everything.
        except (MlflowException, OSError) as error:
            self.lost = True
            self.monitor.finish()
            print(f"train: the MLflow store was lost, training goes on ({one_line(error)[:160]})")


@contextmanager
def live_run(client: MlflowClient, params: Params) -> Iterator[LiveRun]:
    """Start a run and close it as what it was: FINISHED, KILLED (signal) or FAILED (anything else)."""
    run = LiveRun(client, start_run(client, params), params)
    try:
        yield run
    except BaseException as error:
        killed = isinstance(error, KeyboardInterrupt | Terminated)
        run.close("KILLED" if killed else "FAILED")
        raise
    run.close("FINISHED")

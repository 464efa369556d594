"""How many clients a team's server bears: 50 log at once, and what `digits` takes on a store of 10,000 runs.

It starts PostgreSQL, MLflow with users, and Caddy with TLS on this machine (deploy/local.py), migrates the project's
own store there, which needs a champion, fills it, and measures. It needs the environment of `make test-scale`:
`python -m benchmarks team [--clients 50] [--runs 10000]`
"""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.process import run, script
from benchmarks.record import Session, parser
from benchmarks.summary import spread
from deploy.local import LocalServer
from digits.tracking.migrate import migrate
from digits.tracking.settings import use_mlflow

_METRICS = 100
# Clients of one process: each has its own connection, and fifty processes would measure their own start.
_THREADS = 10


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("team", __doc__)
    options.add_argument("--clients", type=int, default=50, help="how many log at once; a multiple of 10")
    options.add_argument("--runs", type=int, default=10_000, help="in the store, ten an experiment")
    options.add_argument("--rounds", type=int, default=5, help="how often each command is timed")
    chosen = options.parse_args(arguments)
    if chosen.quick:
        chosen.clients, chosen.runs, chosen.rounds = 10, 100, 1
    session = Session("team", arguments, chosen)
    with tempfile.TemporaryDirectory(prefix="digits-team-") as scratch:
        server = LocalServer(Path(scratch, "server"))
        try:
            server.start_database()
            migrate(server.database, server.artifacts)
            server.start_server()
            fill(server.database, chosen.runs)
            server.sql("ANALYZE")
            user = _user(server)
            load = _load(log_at_once(user, chosen.clients))
            size = {name: int(server.sql(f"SELECT count(*) FROM {name}")) for name in ("experiments", "runs")}
            read = [_time(user, command, chosen.rounds) | size for command in ("compare", "history")]
        finally:
            server.stop()
    session.finish(load=[load], read=read)


def _user(server: LocalServer) -> dict[str, str]:
    """The variables of a user who may write the experiment `digits` and nothing else."""
    os.environ |= server.client()
    use_mlflow()
    from mlflow.server import get_app_client

    users = get_app_client("basic-auth", tracking_uri=server.uri)
    users.create_user("trainer", password := secrets.token_urlsafe(12))
    number = server.sql("SELECT experiment_id FROM experiments WHERE name = 'digits'")
    users.grant_user_permission("trainer", "experiment", number, "EDIT")
    return server.client("trainer", password)


def fill(database: str, runs: int) -> None:
    """Write runs into the database itself: ten an experiment, with 20 parameters, 5 tags and 10 metrics each.

    Args:
        database: address of the server's.
        runs: how many.
    """
    import sqlalchemy
    from mlflow.store.db.utils import Base

    tables = Base.metadata.tables
    now = int(time.time() * 1000) - 10**7
    times = {"creation_time": now, "last_update_time": now}
    common = {"lifecycle_stage": "active", "artifact_location": "mlflow-artifacts:/x"}
    made = [{"name": f"filled {number}", **common, **times} for number in range(runs // 10)]
    engine = sqlalchemy.create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        connection.execute(tables["experiments"].insert(), made)
        query = sqlalchemy.text("SELECT experiment_id FROM experiments WHERE name LIKE 'filled %'")
        ids = [row[0] for row in connection.execute(query)]
        filled = [(uuid.uuid4().hex, ids[at // 10]) for at in range(runs)]
        ended = {"lifecycle_stage": "active", "status": "FINISHED", "start_time": now, "end_time": now}
        rows: dict[str, list[dict[str, Any]]] = {
            "runs": [
                {"run_uuid": run, "experiment_id": number, "name": run[:8], "artifact_uri": "x", **ended}
                for run, number in filled
            ],
            "params": [{"run_uuid": run, "key": f"p.{n}", "value": str(n)} for run, _ in filled for n in range(20)],
            "tags": [{"run_uuid": run, "key": f"tag{n}", "value": run} for run, _ in filled for n in range(5)],
        }
        for name in ("metrics", "latest_metrics"):
            rows[name] = [
                {"run_uuid": run, "key": f"m{n}", "value": n / 10, "timestamp": now, "step": 0, "is_nan": False}
                for run, _ in filled
                for n in range(10)
            ]
        for name, values in rows.items():
            connection.execute(tables[name].insert(), values)
    engine.dispose()


def log_at_once(variables: Mapping[str, str], clients: int) -> tuple[list[float], int, float]:
    """Let clients log 100 metrics each, one request a metric, all from the same moment on, each into a run of its own.

    Args:
        variables: of the user's shell.
        clients: how many.

    Returns:
        The milliseconds of each request, how many failed, and the seconds from the first to the last.
    """
    processes = clients // _THREADS
    context = get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(processes, context) as pool:
        barrier = manager.Barrier(processes)
        parts = list(pool.map(_log, [dict(variables)] * processes, [barrier] * processes))
    times = [one for part in parts for one in part[0]]
    seconds = max(part[3] for part in parts) - min(part[2] for part in parts)
    return times, sum(part[1] for part in parts), seconds


def _log(variables: dict[str, str], barrier: threading.Barrier) -> tuple[list[float], int, float, float]:
    """The part of one process."""
    os.environ.update(variables)
    use_mlflow()
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(variables["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("digits").experiment_id
    runs = [client.create_run(experiment, run_name="load").info.run_id for _ in range(_THREADS)]

    def one(run: str) -> tuple[list[float], int]:
        mine, times, errors = MlflowClient(variables["MLFLOW_TRACKING_URI"]), [], 0
        for step in range(_METRICS):
            start = time.perf_counter()
            try:
                mine.log_metric(run, "loss", 1 / (step + 1), step=step)
            except MlflowException:
                errors += 1
            times.append(1000 * (time.perf_counter() - start))
        return times, errors

    barrier.wait()
    start = time.time()
    with ThreadPoolExecutor(_THREADS) as threads:
        parts = list(threads.map(one, runs))
    return [t for part in parts for t in part[0]], sum(part[1] for part in parts), start, time.time()


def _load(measured: tuple[list[float], int, float]) -> dict[str, Any]:
    times, errors, seconds = measured
    return {
        "clients": len(times) // _METRICS,
        "requests": len(times),
        "errors": errors,
        "p50, ms": float(np.percentile(times, 50)),
        "p99, ms": float(np.percentile(times, 99)),
        "slowest, ms": max(times),
        "requests a second": len(times) / seconds,
    }


def _time(user: Mapping[str, str], command: str, rounds: int) -> dict[str, Any]:
    """A command as a whole process, once before it counts."""
    words = ["env", *(f"{name}={value}" for name, value in user.items()), script("digits"), command]
    seconds = [run(words).seconds for _ in range(rounds + 1)]
    return {"command": f"`digits {command}`", "seconds": spread(seconds[1:])}

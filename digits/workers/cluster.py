"""Ray, which runs functions on other machines. An extra: `pip install 'digits[ray]'`."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from digits.errors import DigitsError, one_line

# Nothing is sent to Ray's makers, and no worker is killed because the whole machine is short of memory.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_memory_monitor_refresh_ms": "0"}
# Without the first, Ray on Linux replaces 127.0.0.1 by an address that others reach (ray#59110). Without the others a
# cluster of its own writes a token to the home folder.
_ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
_STORE_BYTES = 512 * 2**20
_SECONDS_TO_ANSWER = 5.0

# Has the address of the cluster on which stage train places its processes; without it, they are of this machine.
ADDRESS_VARIABLE = "DIGITS_ADDRESS"


@contextmanager
def cluster(address: str = "", workers: int = 1) -> Iterator[Any]:
    """Ray, connected to a cluster until the block ends.

    Args:
        address: `HOST:PORT` of a cluster, or `auto` for the one that runs on this machine; empty for one that is
            started here, listens on 127.0.0.1 alone, and ends with the block.
        workers: how many CPUs a cluster that is started here has.

    Raises:
        DigitsError: Ray is not installed, nothing answers at the address, or the cluster has other versions.
    """
    os.environ.update(_QUIET)
    if not address:
        os.environ.update(_ON_LOOPBACK)
        # Ray reads it once a process.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    ray = require_ray()
    options = {"log_to_driver": False, "logging_level": "ERROR"}
    # A socket's path may have 107 characters, so that the folder is not within the project.
    scratch = "" if address else tempfile.mkdtemp(prefix="ray", dir="/tmp")
    try:
        if address:
            _connect(ray, address, options)
        else:
            ray.init(
                num_cpus=workers,
                include_dashboard=False,
                object_store_memory=_STORE_BYTES,
                _temp_dir=scratch,
                **options,
            )
        _refuse_other_nodes(ray)
        yield ray
    finally:
        ray.shutdown()
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)


def get(ray: Any, reference: Any) -> Any:
    """What a function returned on a node. A `DigitsError` that it raised is raised as it was."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, DigitsError):
            raise error.cause from None
        raise


def code_digest() -> str:
    """SHA-256 of this package's modules, as 64 hex digits: all nodes of a cluster must have the same."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for file in sorted(package.rglob("*.py")):
        digest.update(f"{file.relative_to(package).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def refuse_other_code(digest: str) -> None:
    """Refuse to work on a node with other code than the one that asks.

    Args:
        digest: `code_digest` of the one that asks.

    Raises:
        DigitsError: the code is another.
    """
    if code_digest() != digest:
        node = socket.gethostname()
        raise DigitsError(f"node {node} has another version of digits: install the same commit on all nodes")


def _refuse_other_nodes(ray: Any) -> None:
    """Refuse a cluster in which a node has other code.

    Raises:
        DigitsError: one has.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # A node that is busy answers, too.
    check, digest = ray.remote(num_cpus=0)(refuse_other_code), code_digest()
    nodes = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in ray.nodes() if node["Alive"]]
    try:
        ray.get([check.options(scheduling_strategy=node).remote(digest) for node in nodes])
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, DigitsError):
            raise error.cause from None
        # Without the package, the node cannot even read what it is to do.
        raise DigitsError(
            f"a node of the cluster has no digits ({one_line(error.cause)[:100]}): install the same commit on all nodes"
        ) from None


def require_ray() -> Any:
    """The package.

    Raises:
        DigitsError: it is not installed.
    """
    try:
        import ray
    except ImportError:
        raise DigitsError("Ray is not installed: `pip install 'digits[ray]'` in this environment") from None
    return ray


def _connect(ray: Any, address: str, options: dict[str, Any]) -> None:
    refuse_silent(address)
    try:
        ray.init(address=address, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = one_line(error)
        raise DigitsError(f"--address {address}: {reason[:200]}") from None


def refuse_silent(address: str) -> None:
    """Refuse an address where nothing listens: Ray would wait for minutes.

    Raises:
        DigitsError: nothing does, or it is no address.
    """
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()):
        raise DigitsError(f"--address {address}: HOST:PORT is expected, or auto")
    try:
        socket.create_connection((host, int(port)), _SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise DigitsError(
            f"--address {address}: no Ray cluster answers there ({error}): `ray start --head --port={port}` starts one"
        ) from None

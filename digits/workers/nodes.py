"""Python programs on the nodes of a Ray cluster, all of them at once, whose output comes here."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from digits.errors import DigitsError
from digits.workers.cluster import cluster, get

# Others may have the CPUs for a moment.
_SECONDS_TO_WAIT = 60


class Places:
    """Room for programs that run at once, on as many nodes as there are."""

    def __init__(self, ray: Any, strategies: Sequence[Any], cpus: int, folder: Path) -> None:
        """Ask the nodes for their addresses.

        Args:
            ray: the package, connected.
            strategies: of Ray, one for each program.
            cpus: that each of them takes.
            folder: where they run. All nodes have it under this path.

        Raises:
            DigitsError: a node does not have the folder.
        """
        self._ray, self._strategies, self._folder = ray, strategies, folder
        self._options = {"num_cpus": cpus, "max_retries": 0}
        asked = [
            ray.remote(_answer).options(**self._options, scheduling_strategy=strategy).remote(str(folder))
            for strategy in strategies
        ]
        answers = [get(ray, one) for one in asked]
        self.hosts = [host for host, _ in answers]
        self.coordinator = f"{answers[0][0]}:{answers[0][1]}"

    def start(self, rank: int, words: Sequence[str], errors: Path) -> RemoteProgram:
        """Start `python WORDS` in one of the places; `errors` takes what it writes to standard error."""
        options = {**self._options, "scheduling_strategy": self._strategies[rank], "num_returns": "streaming"}
        remote = self._ray.remote(_run).options(**options)
        errors = errors.absolute()
        return RemoteProgram(self._ray, remote.remote([*words], str(self._folder), str(errors)), errors)


class RemoteProgram:
    """A program on a node."""

    def __init__(self, ray: Any, output: Any, errors: Path) -> None:
        self._ray, self._output, self._errors = ray, output, errors
        # Of a program whose node is lost, nothing else is heard.
        self._code = -int(signal.SIGKILL)

    def lines(self) -> Iterator[str]:
        """What it prints, until it ends or its node is lost."""
        try:
            for one in self._output:
                said = self._ray.get(one)
                if isinstance(said, str):
                    yield said
                else:
                    self._code = said
        except self._ray.exceptions.RayTaskError as error:
            # The program did not even start.
            self._code = 1
            self._errors.write_text(str(error), encoding="utf-8")
        except self._ray.exceptions.RayError:
            return

    def wait(self) -> int:
        """Its exit code, after its last line; a signal that ended it as a negative number."""
        return self._code

    def end(self) -> None:
        """Kill it, if it runs."""
        self._ray.cancel(self._output, force=True)


@contextmanager
def places(address: str, count: int, cpus: int, folder: Path) -> Iterator[Places]:
    """Room on a cluster, as `Places`, which is given back with the end of the block.

    Args:
        address: of the cluster, as for `cluster`.
        count: of programs that run at once.
        cpus: that each of them takes.
        folder: where they run, absolute.

    Raises:
        DigitsError: as `cluster` and `Places`; or the cluster has too few CPUs, or none free.
    """
    with cluster(address) as ray:
        from ray.util.placement_group import placement_group, remove_placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        wanted = f"{count} programs with {cpus} CPU{'s' if cpus > 1 else ''} each (train.workers, train.threads)"
        nodes = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        if sum(cpus_of_node // cpus for cpus_of_node in nodes) < count:
            raise DigitsError(f"--address {address}: the nodes, with {nodes} CPUs, have no room for {wanted}")
        group = placement_group([{"CPU": cpus}] * count, strategy="SPREAD")
        try:
            if not group.wait(_SECONDS_TO_WAIT):
                raise DigitsError(f"--address {address}: others use the CPUs; {wanted} have no room now, try later")
            strategies = [PlacementGroupSchedulingStrategy(group, rank) for rank in range(count)]
            yield Places(ray, strategies, cpus, folder)
        finally:
            remove_placement_group(group)


def _answer(folder: str) -> tuple[str, int]:
    """The address of this node, and a port of it where nothing listens now.

    Raises:
        DigitsError: the node does not have the folder.
    """
    import ray

    host = ray.util.get_node_ip_address()
    if not Path(folder).is_dir():
        raise DigitsError(f"node {host} has no {folder}: all nodes need the project's folder under the same path")
    return host, free_port(host)


def free_port(host: str) -> int:
    """A port of an address of this machine where nothing listens now."""
    with socket.socket() as found:
        found.bind((host, 0))
        return found.getsockname()[1]


def _run(words: list[str], folder: str, errors: str) -> Iterator[str | int]:
    """Run `python WORDS` on this node. Yields what it prints, line by line, and then its exit code.

    The other end of the program's standard input closes when this process ends, however it ends.
    """
    with (
        Path(errors).open("w", encoding="utf-8") as file,
        subprocess.Popen(
            [sys.executable, *words],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        # Ray sends a value for each, which a file does not take.
        for line in process.stdout:  # noqa: UP028
            yield line
        yield process.wait()

"""A Ray cluster on this machine, as a process of its own that listens on loopback alone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

# Reads lines: `kill` ends the last node and its workers as a power cut would.
_NODES = """
import sys
from ray.cluster_utils import Cluster
head = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=head)
others = [cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1") for _ in range(int(sys.argv[1]) - 1)]
print(cluster.address, flush=True)
for line in sys.stdin:
    cluster.remove_node(others.pop(), allow_graceful=False)
    print("killed", flush=True)
cluster.shutdown()
"""
# What whoever connects needs in its environment. Without the first, Ray replaces 127.0.0.1 by another address.
SETTINGS = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "0" * 64,
}


class Nodes:
    """Nodes with a CPU each. Whoever connects needs `settings` in its environment."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self._process, self.address, self.settings = process, address, SETTINGS

    def kill_one(self) -> None:
        """SIGKILL the last node and its workers."""
        self._process.stdin.write("kill\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "killed\n"


def two_nodes() -> AbstractContextManager[Nodes]:
    """Two of them, as `started` gives them."""
    return started(2)


@contextmanager
def started(count: int) -> Iterator[Nodes]:
    """Start so many, and end them with the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", _NODES, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **SETTINGS},
    )
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("127.0.0.1:"), address
        yield Nodes(process, address)
    finally:
        process.stdin.close()
        process.wait(60)


def listening_elsewhere() -> list[str]:
    """The processes of Ray that listen anywhere but on loopback, as `ss -ltnp` shows them."""
    shown = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    ours = [line for line in shown.splitlines() if any(word in line for word in ("ray", "gcs_server", "python"))]
    return [line for line in ours if not line.split()[3].startswith(("127.", "[::1]", "[::ffff:127."))]

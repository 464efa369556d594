"""Programs on the nodes of a real cluster."""

import os
import re
import signal

import psutil
import pytest
from support.nodes import SETTINGS, two_nodes

from digits.errors import DigitsError
from digits.workers.nodes import places


@pytest.fixture(scope="module")
def address():
    with two_nodes() as nodes:
        yield nodes.address


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.scale
def test_output_and_exit_codes_come_here(address, tmp_path):
    with places(address, 2, 1, tmp_path) as room:
        assert room.hosts == ["127.0.0.1", "127.0.0.1"]
        assert re.fullmatch(r"127\.0\.0\.1:\d+", room.coordinator)
        script = "import os, sys; print(os.getcwd()); print('no', file=sys.stderr); sys.exit(3)"
        failed = room.start(0, ["-c", script], tmp_path / "said.txt")
        killed = room.start(1, ["-c", "import os; os.kill(os.getpid(), 15)"], tmp_path / "other.txt")
        assert (list(failed.lines()), failed.wait()) == ([f"{tmp_path}\n"], 3)
        assert (list(killed.lines()), killed.wait()) == ([], -signal.SIGTERM)
    assert (tmp_path / "said.txt").read_text() == "no\n"


@pytest.mark.scale
@pytest.mark.parametrize("end", ["end", "kill"])
def test_a_program_ends_with_what_started_it(address, tmp_path, end):
    """Also if Ray's own process is killed: the program sees the end of its standard input."""
    with places(address, 1, 1, tmp_path) as room:
        script = "import os, sys; print(os.getpid(), os.getppid(), flush=True); sys.stdin.read()"
        program = room.start(0, ["-c", script], tmp_path / "said.txt")
        lines = program.lines()
        own, parent = map(psutil.Process, map(int, next(lines).split()))
        program.end() if end == "end" else os.kill(parent.pid, signal.SIGKILL)
        assert list(lines) == []
        assert program.wait() == -signal.SIGKILL
        own.wait(30)


@pytest.mark.scale
def test_a_cluster_without_room_is_refused(address, tmp_path):
    wanted = re.escape("the nodes, with [1, 1] CPUs, have no room for 3 programs with 1 CPU each")
    with pytest.raises(DigitsError, match=wanted), places(address, 3, 1, tmp_path):
        pass
    with pytest.raises(DigitsError, match=r"no room for 1 programs with 2 CPUs each"), places(address, 1, 2, tmp_path):
        pass


@pytest.mark.scale
def test_a_node_without_the_folder_is_refused(address, tmp_path):
    message = "node 127.0.0.1 has no .*missing: all nodes need the project's folder under the same path"
    with pytest.raises(DigitsError, match=message), places(address, 2, 1, tmp_path / "missing"):
        pass

"""64 times the data on a cluster: what must be equal, and a small one for real."""

import sys

import pytest

from benchmarks import shards
from benchmarks.process import Usage
from digits.errors import DigitsError


def measured(seconds: float, result: str) -> shards.Measured:
    return shards.Measured(Usage(seconds, 0.0, 5.0, 100.0, "", ""), 200.0, result)


def test_seconds_are_of_one_node_and_a_single_process_has_no_driver():
    done = {0: measured(9.0, "same"), 1: measured(10.0, "same"), 2: measured(5.0, "same")}
    alone, one, two = shards._rows("digits batch", 60_000, done)
    assert [row["of one node"] for row in (alone, one, two)] == [0.9, 1.0, 0.5]
    assert [row["the driver's peak memory, MB"] for row in (alone, one, two)] == [None, 100.0, 100.0]


def test_other_bytes_are_refused():
    done = {0: measured(9.0, "same"), 1: measured(10.0, "same"), 2: measured(5.0, "other")}
    with pytest.raises(DigitsError, match="2 nodes of 1 CPU gives another result than one process"):
        shards._rows("digits batch", 60_000, done)


def test_without_ray_it_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DigitsError, match=r"digits\[ray\]"):
        shards.main([])


@pytest.mark.scale
def test_it_runs_on_the_sample(capsys):
    shards.main(["--quick"])
    out = capsys.readouterr().out
    assert "| `digits batch` | 2,000 | Ray, 2 nodes of 1 CPU |" in out
    assert "| `digits validate` | 2,000 | Ray, 2 nodes of 1 CPU |" in out

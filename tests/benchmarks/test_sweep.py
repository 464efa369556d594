"""A sweep in DVC's queue and on Ray: the rows of the record, and a small one for real."""

import sys

import pytest

from benchmarks import sweep
from benchmarks.process import Usage
from digits.errors import DigitsError


def test_what_a_training_costs_is_of_all_cpus():
    used = {
        name: Usage(seconds, 0.0, 5.0, 100.0, "", "") for name, seconds in (("queue", 100.0), ("1", 60.0), ("2", 40.0))
    }
    queue, one, two = sweep._rows(used, 10, 4.0)
    assert [row["of the queue"] for row in (queue, one, two)] == [1.0, 0.6, 0.4]
    assert [row["a training, seconds of a CPU"] for row in (queue, one, two)] == [10.0, 6.0, 8.0]
    assert [row["of these beside its epochs"] for row in (queue, one, two)] == [6.0, 2.0, 4.0]
    assert [row["by the driver, CPU seconds"] for row in (queue, one, two)] == [None, 0.5, 0.5]


def test_without_ray_it_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DigitsError, match=r"digits\[ray\]"):
        sweep.main([])


@pytest.mark.scale
def test_it_runs_on_the_sample(capsys):
    sweep.main(["--quick"])
    out = capsys.readouterr().out
    assert "DVC's queue | 2 |" in out and "Ray, 2 nodes of 1 CPU | 2 |" in out

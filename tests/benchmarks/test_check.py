import subprocess
import sys
import time

import numpy as np
import pytest
from support.project import ROOT, environment

from benchmarks import check
from benchmarks.check import LIMITS, calibrate, compare, limit_of, main
from benchmarks.ratios import RATIOS, _fastest
from digits.errors import DigitsError
from digits.files import read_json

# A millisecond more for each image that the twin classifies.
SLOW_TWIN = """
import time
from digits.model.classifier import TwinClassifier
step = TwinClassifier._step
def slow(self, pixels):
    time.sleep(0.001)
    return step(self, pixels)
TwinClassifier._step = slow
"""
# The training runs one step at a time.
SINGLE_STEPS = """
import keras
compile = keras.Model.compile
keras.Model.compile = lambda self, *args, **kwargs: compile(self, *args, **kwargs | {"steps_per_execution": 1})
"""
CHECK = """
import sys
from benchmarks.__main__ import main
sys.argv = ["benchmarks", "check", *{ratios!r}]
main()
"""


def run_check(*ratios, before=""):
    command = [sys.executable, "-c", before + CHECK.format(ratios=ratios)]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    ("ratio", "before"), [("twin_over_keras", SLOW_TWIN), ("steps_over_single_steps", SINGLE_STEPS)]
)
def test_a_slowed_down_build_fails_and_this_one_does_not(ratio, before):
    slow = run_check(ratio, before=before)
    assert slow.returncode == 1, slow
    assert slow.stderr.splitlines()[-1].startswith(f"benchmark check: slower than it was: {ratio};")
    done = run_check(ratio)
    assert done.returncode == 0, done


def test_a_function_that_became_slow_is_found(monkeypatch):
    work = np.random.default_rng(0).random((200, 200))

    def fast():
        return work @ work

    def slow():
        time.sleep(0.01)
        return fast()

    monkeypatch.setattr(check, "RATIOS", {"as_it_was": lambda: _fastest(fast, fast, 20)})
    # On two cores with four other processes, the first ratio is 0.7 to 1.2 and the second 18 or more.
    limits = {"as_it_was": 5.0}
    assert compare(limits) == []
    monkeypatch.setattr(check, "RATIOS", {"as_it_was": lambda: _fastest(slow, fast, 20)})
    assert compare(limits) == ["as_it_was"]


def test_a_moments_load_fails_nobody_but_two_do(monkeypatch):
    values = iter([9.0, 1.0, 9.0, 8.0])
    monkeypatch.setattr(check, "RATIOS", {"ratio": lambda: next(values)})
    assert compare({"ratio": 2.0}) == []
    assert compare({"ratio": 2.0}) == ["ratio"]


def test_a_limit_is_beyond_what_was_measured_and_grows_with_its_spread():
    calm, wild = [1.0, 1.01, 0.99, 1.0], [1.0, 1.3, 0.7, 1.0]
    assert max(calm) < limit_of(calm) < limit_of(wild)
    # t with 3 degrees of freedom is 10.215 at 99.9 %.
    logs = np.log(calm)
    expected = np.exp(logs.mean() + 10.2145 * logs.std(ddof=1) * np.sqrt(1.25)) * 1.25
    assert limit_of(calm) == pytest.approx(expected, rel=1e-3)


def test_a_calibration_keeps_the_limits_of_the_other_ratios(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "LIMITS", tmp_path / "limits.json")
    monkeypatch.setattr(check, "RATIOS", {"first": lambda: 1.0, "second": lambda: 2.0})
    calibrate(["second"], 3)
    calibrate(["first"], 3)
    found = read_json(check.LIMITS, check.Limits)["ratios"]
    assert list(found) == ["first", "second"]
    assert found["second"] == {"limit": 2.5, "measured": [2.0, 2.0, 2.0]}
    main(["first"])
    monkeypatch.setattr(check, "RATIOS", {"first": lambda: 5.0})
    with pytest.raises(DigitsError, match="slower than it was: first"):
        main(["first"])


def test_every_ratio_has_a_limit_that_a_slower_build_would_pass():
    limits = read_json(LIMITS, check.Limits)["ratios"]
    assert limits.keys() == RATIOS.keys()
    for name, limit in limits.items():
        assert max(limit["measured"]) < limit["limit"] == limit_of(limit["measured"]), name
    # An epoch of single steps has a ratio of 1.
    assert limits["steps_over_single_steps"]["limit"] < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["other"], "there is no ratio other: there are commands_over_python"), (["--calibrate", "2"], "three measure")],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(DigitsError, match=message):
        main(arguments)

import sys

import pytest

from benchmarks.process import in_turn, run
from digits.errors import DigitsError

FILL = "data = bytearray(200 * 10**6); print('filled')"


def test_the_memory_of_a_process_is_its_own_and_not_that_of_this_one():
    here = bytearray(300 * 10**6)
    small, large = (run([sys.executable, "-c", code]) for code in ("pass", FILL))
    assert len(here) and small.peak_mb < 60
    assert 200 < large.peak_mb < 260
    assert large.output == "filled\n"


def test_a_process_that_its_child_started_counts():
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {FILL!r}], check=True)"
    assert run([sys.executable, "-c", code]).peak_mb > 200


def test_the_seconds_are_those_of_the_command():
    fast, slow = (run([sys.executable, "-c", f"import time; time.sleep({seconds})"]) for seconds in (0, 0.5))
    assert slow.seconds >= 0.5
    assert fast.seconds > 0


def test_a_failure_is_one_line_with_the_last_that_it_printed():
    with pytest.raises(DigitsError, match=r"failed with code 3: no such thing$"):
        run([sys.executable, "-c", "import sys; print('no such thing', file=sys.stderr); sys.exit(3)"])
    assert run([sys.executable, "-c", "import sys; sys.exit(3)"], allowed=(0, 3)).output == ""


def test_functions_take_turns():
    order = []
    results = in_turn({"a": lambda: order.append("a") or 1, "b": lambda: order.append("b") or 2}, 2)
    assert order == ["a", "b", "a", "b"]
    assert results == {"a": [1, 1], "b": [2, 2]}

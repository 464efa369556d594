import json
import subprocess
import sys

import pytest
from support.project import ROOT, environment
from support.tiny import TRAIN

from benchmarks.floor import multiplications, training_flop


def test_the_multiplications_of_the_seeds_network():
    from digits.model.network import build_model

    counts = multiplications(build_model(TRAIN.model, 10))
    assert counts == [26 * 26 * 9 * 32, 11 * 11 * 9 * 32 * 64, 1600 * 128, 128 * 10]


def test_the_operations_of_a_training():
    # One image forward and backward, less the gradient of the pixels; two images forward.
    assert training_flop([10, 100], trained=1, validated=2) == 6 * 110 - 2 * 10 + 2 * 2 * 110


def test_imports_are_timed_by_package_and_each_once(tmp_path):
    (tmp_path / "outer.py").write_text("import time, inner\ntime.sleep(0.2)\n")
    (tmp_path / "inner.py").write_text("import time\ntime.sleep(0.4)\n")
    (tmp_path / "program.py").write_text("import sys\nimport outer, inner\nprint(sys.argv)\n")
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "benchmarks.imports", str(report), "program", "argument"]
    path = {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    done = subprocess.run(command, cwd=tmp_path, env=environment(**path), capture_output=True, text=True, check=True)
    assert "argument" in done.stdout
    seconds = json.loads(report.read_text())
    assert seconds["inner"] >= 0.4
    # What it imports in turn counts for that alone.
    assert 0.2 <= seconds["outer"] < seconds["inner"]


def test_the_list_of_benchmarks_is_that_of_the_modules():
    import importlib

    from benchmarks.__main__ import BENCHMARKS, OTHERS

    for name in [*BENCHMARKS, *OTHERS.keys() - {"all"}]:
        assert callable(importlib.import_module(f"benchmarks.{name}").main), name


@pytest.mark.parametrize(("words", "code"), [([], 2), (["nothing"], 2), (["--help"], 0)])
def test_without_a_name_they_are_listed(words, code):
    command = [sys.executable, "-m", "benchmarks", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert "  pipeline   `dvc repro -f` against" in done.stderr

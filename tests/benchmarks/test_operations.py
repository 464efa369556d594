"""The shares of a training step's time."""

import json
from collections import Counter

import pytest

from benchmarks.operations import _KINDS, _shares, main


def test_every_second_counts_once():
    found = _shares(Counter(_MklNativeConv2DBackpropFilter=2.0, _MklNativeMaxPoolGrad=1.0, _MklMatMul=0.5, Mul=0.5))
    assert found == {"convolutions": 0.5, "products": 0.125, "pooling": 0.25, "normalisation": 0, "other": 0.125}


@pytest.mark.long
@pytest.mark.slow
def test_a_step_consists_mostly_of_convolutions(tmp_path):
    output = tmp_path / "operations.json"
    main(["seed", "--quick", "--output", str(output)])
    (row,) = json.loads(output.read_text())["tables"]["step"]
    assert row["convolutions, %"] > 25
    assert sum(row[f"{kind}, %"] for kind in (*_KINDS, "other")) == pytest.approx(100)

"""Two workers against one: what the record says of seeds."""

import importlib.util

import pytest

from benchmarks.parallel import _accuracy, _difference, main
from digits.errors import DigitsError

ONE, TWO = ([{"val_accuracy": value} for value in values] for values in ((0.98, 0.97), (0.985, 0.972)))


def test_a_row_has_each_seed_and_the_mean():
    row = _accuracy("one", ONE)
    assert (row["seed 1"], row["seed 2"], row["mean"]["mean"], row["mean"]["n"]) == (98.0, 97.0, 97.5, 2)


def test_the_difference_is_by_seed():
    row = _difference(TWO, ONE)
    assert (row["seed 1"], row["seed 2"], row["mean"]["mean"]) == (0.5, 0.2, 0.35)


def test_without_jax_it_is_refused(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DigitsError, match=r"digits\[jax\]"):
        main([])

"""Every combination of some values on a Ray cluster."""

import pytest
from support.nodes import two_nodes

from digits.errors import DigitsError
from digits.experiments.grid import run_grid


def test_wrong_settings_are_refused_before_anything_starts(folder):
    from support.params import FILE

    (folder / "params.yaml").write_text(FILE.read_text())
    with pytest.raises(DigitsError, match="recipes are trainings on the same images"):
        run_grid("rate", ["plot.dpi=50,100"], [], 3, "127.0.0.1:6379")


@pytest.mark.scale
def test_a_grid_is_trained_on_two_nodes(store, monkeypatch):
    with two_nodes() as nodes:
        for name, value in nodes.settings.items():
            monkeypatch.setenv(name, value)
        trials = run_grid("rate", ["train.learning_rate=0.001,0.005"], [], 2, nodes.address)
        again = run_grid("rate", ["train.learning_rate=0.001,0.005"], [], 2, nodes.address)
    assert [(one.params["train.learning_rate"], one.params["train.seed"]) for one in trials] == [
        (0.001, 1),
        (0.001, 2),
        (0.005, 1),
        (0.005, 2),
    ]
    assert again == trials

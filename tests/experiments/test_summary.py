"""What a search found, for people."""

import pytest

from digits.experiments.progress import BROKEN, FINISHED, STOPPED, Progress
from digits.experiments.results import Trial
from digits.experiments.search import Outcome
from digits.experiments.space import Space

SPACE = Space(
    {"train.learning_rate": {"low": 0.0005, "high": 0.02, "log": True}, "train.batch_size": [16, 32]}, "space.yaml"
)


def trial(number: int, rate: float, size: int, status: str = FINISHED) -> Progress:
    accuracy = 0.9 + rate
    settings = {"train.learning_rate": str(rate), "train.batch_size": str(size)}
    return Progress(str(number), number, settings, [{"epoch": 1, "seconds": 1.0, "val_accuracy": accuracy}], status)


TRIALS = [trial(number, 0.001 * number, (16, 32)[number % 2]) for number in range(1, 11)]


@pytest.mark.scale
def test_the_parameter_that_makes_the_difference_is_the_important_one():
    from digits.experiments.summary import importance

    found = importance(TRIALS, SPACE)
    assert found["train.learning_rate"] > 0.9
    assert sum(found.values()) == pytest.approx(1)


@pytest.mark.scale
def test_few_or_equal_trainings_tell_nothing():
    from digits.experiments.summary import importance

    assert importance(TRIALS[:3], SPACE) == {}
    assert importance([TRIALS[0]] * 9, SPACE) == {}


@pytest.mark.scale
def test_the_page_leaves_out_what_failed():
    from digits.experiments.summary import page_of

    finalists = [
        Trial(
            f"{rate}-{seed}",
            {"train.learning_rate": rate, "train.seed": seed},
            {"val_accuracy": 0.9 + rate, "epochs": 3},
        )
        for rate in (0.001, 0.005)
        for seed in (1, 2, 3)
    ]
    trials = [*TRIALS, trial(11, 0.0005, 16, BROKEN), trial(12, 0.0006, 16, STOPPED)]
    page = page_of("rate", Outcome(trials, finalists), SPACE, 0.05)
    assert "11 trainings, 1 of them stopped early" in page
    assert "learning_rate=0.005" in page

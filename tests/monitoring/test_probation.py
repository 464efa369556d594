"""A champion on probation, by a real log and real versions."""

import datetime

import numpy as np
import pytest

from digits.data.dataset import Dataset
from digits.model.classifier import load_classifier
from digits.monitoring.probation import outcomes, parse, settle
from digits.registry.aliases import make_champion
from digits.registry.history import CHAMPION
from digits.registry.resolve import resolve
from digits.serving.log import ServedLog


@pytest.mark.parametrize(("text", "meaning"), [("7d", ("days", 7)), ("500rows", ("rows", 500))])
def test_a_probation_is_days_or_rows(text, meaning):
    assert parse(text) == meaning


@pytest.mark.parametrize("text", ["", "7", "0d", "-1d", "d", "rows", "1.5d", "7 d", "7days", "²d"])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="write a number of days, 7d, or of labelled images, 500rows"):
        parse(text)


@pytest.fixture
def live(store):
    """A function that logs test images which people then label as a version reads them."""

    def log(version, count):
        images = np.asarray(Dataset(store.folder / "data" / "processed").arrays("test")[0][:count])
        read = load_classifier(resolve(version, lambda: store.registry).file())(images)
        opened = ServedLog(store.folder / "served", "serve")
        ids = opened.add("ab" * 32, "3", images, read, [True] * count, 1.0)
        for row, label in zip(ids, read.argmax(axis=1), strict=True):
            opened.label(row, int(label), "eve")
        opened.close()

    return log


def decide(store, **options):
    return settle(store.registry, store.folder / "served", 10, 0.05, **options)


def put_on_probation(store, probation):
    make_champion(store.registry, "3", "1", "promote", "a test", [], probation)


@pytest.mark.slow
def test_a_worse_champion_is_rolled_back_once(store, live):
    live("1", 100)
    put_on_probation(store, "200rows")
    live("1", 150)
    # What was served before the promotion does not count.
    assert decide(store) == "probation of version 3: 150 of 200 labelled images"
    live("1", 150)
    outcome = decide(store)
    assert outcome.verdict == "rolled back" and outcome.rows == 200 and outcome.wins == 0 < outcome.losses
    assert store.registry.aliases()[CHAMPION] == "1"
    change = store.registry.history()[-1]
    assert change.action == "rollback" and change.why.startswith(
        "probation: version 3 was worse than 1 on 200 labelled"
    )
    assert decide(store) is None and outcomes(store.registry) == [outcome]


@pytest.mark.slow
def test_one_that_is_no_worse_stays_whatever_comes_later(store, live):
    put_on_probation(store, "50rows")
    live("3", 50)
    outcome = decide(store)
    assert outcome.verdict == "stays" and outcome.losses == 0
    live("1", 300)
    assert decide(store) is None and store.registry.aliases()[CHAMPION] == "3"


@pytest.mark.slow
def test_days_end_whether_anybody_labelled_or_not(store):
    put_on_probation(store, "7d")
    ServedLog(store.folder / "served", "serve").close()
    now = datetime.datetime.now(datetime.UTC)
    assert decide(store).startswith(f"probation of version 3 ends at {now + datetime.timedelta(days=7):%Y-%m-%d} ")
    outcome = decide(store, now=now + datetime.timedelta(days=8))
    assert str(outcome) == "probation of version 3 is over without a labelled image: it stays"


@pytest.mark.slow
def test_a_champion_that_was_changed_by_hand_is_on_none(store):
    put_on_probation(store, "1rows")
    make_champion(store.registry, "1", "3", "promote", "a test", [])
    assert decide(store) is None


@pytest.mark.slow
def test_the_command_says_what_a_probation_is(digits):
    code, _, err = digits("promote", "3", "--probation", "soon")
    assert code == 2 and "write a number of days, 7d" in err

import io
import json

import numpy as np
import pytest
from rich.console import Console

from digits.monitoring.drift import NUMBERS
from digits.monitoring.live import Observed
from digits.monitoring.monitor import judge, print_verdict


def observed(count, seed, shift=0.0, labelled=0):
    rng = np.random.default_rng(seed)
    columns = {name: rng.normal(size=count) for name in NUMBERS}
    columns |= {"area": columns["area"] + shift, "confidence": rng.uniform(0.5, 1, count)}
    columns |= {"digit": rng.integers(0, 3, count), "sure": rng.random(count) < 0.8}
    columns |= {"inside": np.ones(count, bool)}
    labels = np.where(rng.random(count) < columns["confidence"], columns["digit"], (columns["digit"] + 1) % 3)
    labels[labelled:] = -1 if labelled else labels[labelled:]
    return Observed(columns, labels)


def shown(verdict):
    out = io.StringIO()
    print_verdict(verdict, "digits version 7", Console(file=out, width=80))
    return out.getvalue()


def test_a_healthy_batch_and_its_labels():
    verdict = judge(observed(2000, 0), observed(300, 1, labelled=40), 3, 0.05, range(100))
    assert verdict.alarms == [] and verdict.labelled == 40 and verdict.images == 300
    assert verdict.accuracy[1] < 0.75 < verdict.accuracy[2]
    assert verdict.refused == pytest.approx((0.2, 0.2), abs=0.06)
    text = shown(verdict)
    assert "of the 40 labelled, none chosen at random: " in text and "\nno alarm (an adjusted p of at most " in text
    assert "5.0% of healthy batches of this size" in text


def test_labels_of_images_that_were_chosen_at_random_count_alone():
    live = observed(300, 1, labelled=40)
    at_random = np.arange(300) < 10
    live = Observed(live.columns, np.where(at_random, live.columns["digit"], live.labels), at_random)
    verdict = judge(observed(2000, 0), live, 3, 0.05, range(20))
    assert verdict.labelled == 10 and verdict.labelled_accuracy[0] == 1
    assert "of the 10 labelled at random: 100.00% right (95 %: " in shown(verdict)


def test_an_alarm_says_what_moved():
    verdict = judge(observed(2000, 0), observed(300, 1, shift=1.0, labelled=0), 3, 0.05, range(50))
    assert verdict.alarms == ["area"]
    assert shown(verdict).splitlines()[-1].startswith("alarm: ink area (an adjusted p of at most ")
    assert json.loads(json.dumps(verdict.as_dict(), allow_nan=False))["tests"]["digit"]["expected"] is None

import math

import pandas as pd

from digits.monitoring.monitor import Verdict
from digits.monitoring.record import metrics_of


def test_what_is_not_known_is_no_metric():
    row = {"statistic": 0.1, "p": 0.001, "adjusted": 0.01, "expected": 1.0}
    table = pd.DataFrame([row | {"found": 2.0}, row | {"found": math.nan}], index=["mean", "digit"])
    verdict = Verdict(30, table, 0.005, 0.01, (0.9, 0.8, 0.95), 0, False, None, [0.25, 0.75], (0.2, 0.1))
    metrics = metrics_of(verdict)
    assert metrics["images"] == 30 and metrics["alarm"] == 0 and metrics["p_adjusted/digit"] == 0.01
    assert metrics["mean/mean"] == 2 and metrics["class_share/1"] == 0.75 and metrics["accuracy_low"] == 0.8
    # A metric of this name would make the run that of an evaluated model.
    assert not {"mean/digit", "accuracy_labelled", "test_accuracy"} & metrics.keys()

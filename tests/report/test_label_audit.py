import io

import numpy as np
import pandas as pd
from rich.console import Console

from digits.audit.audit import Audit
from digits.data.raw import Split
from digits.report.label_audit import audit_page, print_audit

NAMES = ["<b>ant", "bee"]
SPLITS = {
    name: Split(np.arange(36, dtype=np.uint8).reshape(4, 3, 3), np.array([0, 1, 0, 1])) for name in ("train", "test")
}
SCORE = {"n": 4, "accuracy": 0.75, "low": 0.3, "high": 0.95}


def found(rows):
    columns = ["row", "given", "suggested", "given_probability", "suggested_probability", "issue"]
    return pd.DataFrame([[row, 0, 1, 0.0001, 0.9987, row == 2] for row in rows], columns=columns)


AUDIT = Audit(
    5, {"train": 4, "test": 4}, {"train": found([0, 2]), "test": found([2])},
    {name: {"all": SCORE, "issues": SCORE, "doubtful": SCORE} for name in ("networks", "model")},
)  # fmt: skip


def test_the_page_has_the_doubtful_images_and_is_the_same_each_time():
    page = audit_page(AUDIT, SPLITS, NAMES, most=1)
    assert page == audit_page(AUDIT, SPLITS, NAMES, most=1)
    assert page.count("<img") == 2 and "The 1 most doubtful." in page
    assert "&lt;b&gt;ant, or bee?" in page and "<b>" not in page
    assert "&lt;0.1% : 99.9%" in page and "error</span>" in page
    # The test images first: their labels decide what a model is worth.
    assert page.index("<h2>test: 1 of 4") < page.index("<h2>train: 2 of 4")
    assert "http" not in page and "<script" not in page


def test_the_summary_has_both_splits_and_all_accuracies():
    out = io.StringIO()
    print_audit(AUDIT, Console(file=out, width=80))
    text = out.getvalue()
    assert "test: 1 of 4 labels are doubtful; errors by confident learning: 1\n" in text
    assert text.count("75.00%") == 6 and "models/model.keras" in text

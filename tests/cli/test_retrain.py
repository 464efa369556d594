"""`digits retrain` where nothing is to be done. tests/journeys/test_after_release.py trains."""

import pytest
from support.decisions import assert_refused

from digits.serving.log import ServedLog

pytestmark = pytest.mark.slow


def test_why_nothing_was_done_is_one_line_and_a_record(store, digits):
    ServedLog(store.folder / "served", "draw").close()
    line = "nothing trained: 0 labelled images that the champion does not know, 100 are needed"
    assert digits("retrain") == (0, f"digits: {line}\n", "")
    code, out, _ = digits("history")
    assert code == 0 and out.splitlines()[-1].endswith(line)


def test_no_log_is_refused(store, digits):
    assert_refused(digits("retrain", "nowhere"), "nowhere: there is no such folder")

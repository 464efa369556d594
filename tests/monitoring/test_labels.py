import pytest
from support.advice import refusal
from support.served import add

from digits.monitoring.labels import last_labels
from digits.serving import log as module
from digits.serving.log import ServedLog


def test_the_last_label_in_time_counts_whoever_wrote_it_first(tmp_path, monkeypatch):
    first, second = ServedLog(tmp_path, "serve"), ServedLog(tmp_path, "draw")
    row, other, _ = add(first)
    now = module.time.time()
    for log, at, label, who in ((first, now, 1, "ada"), (second, now + 2, None, "eve"), (second, now + 1, 2, "bob")):
        monkeypatch.setattr(module.time, "time", lambda at=at: at)
        log.label(row, label, who)
    first.label(other, 0, "ada")
    first.close()
    second.close()
    found = last_labels(tmp_path)
    assert found.keys() == {row, other}
    assert (found[row].label, found[row].who) == (None, "eve") and found[row].time.timestamp() == pytest.approx(now + 2)
    assert found[other].label == 0


def test_a_log_that_is_not_there_is_refused(tmp_path):
    assert refusal(last_labels, tmp_path / "none").startswith(f"{tmp_path / 'none'}: there is no such folder")

"""A client that asks the store each question once, until it changes something."""

import pytest
from mlflow.exceptions import MlflowException

from digits.tracking.snapshot import snapshot


class Counting:
    """A client that counts what it is asked."""

    uri = "sqlite://"

    def __init__(self):
        self.asked, self.tags = [], {}

    def get_run(self, run_id):
        self.asked.append(run_id)
        return dict(self.tags)

    def search_runs(self, experiments, where="", max_results=10):
        self.asked.append((tuple(experiments), where, max_results))
        return [max_results]

    def set_tag(self, key, value):
        if value is None:
            raise MlflowException("somebody was first")
        self.tags[key] = value


def test_a_question_is_asked_once():
    client = Counting()
    looking = snapshot(client)
    assert looking.get_run("a") == looking.get_run("a") == {}
    assert looking.search_runs(["1", "2"]) == looking.search_runs(["1", "2"]) == [10]
    assert client.asked == ["a", (("1", "2"), "", 10)]


def test_another_question_is_another_one():
    client = Counting()
    looking = snapshot(client)
    looking.get_run("a"), looking.get_run("b")
    looking.search_runs(["1"]), looking.search_runs(["1"], "x"), looking.search_runs(["1"], max_results=20)
    assert len(client.asked) == 5


def test_after_a_change_it_asks_again():
    looking = snapshot(Counting())
    assert looking.get_run("a") == {}
    looking.set_tag("key", "value")
    assert looking.get_run("a") == {"key": "value"}


def test_after_a_change_that_failed_it_asks_again():
    client = Counting()
    looking = snapshot(client)
    looking.get_run("a")
    client.tags["key"] = "of another process"
    with pytest.raises(MlflowException):
        looking.set_tag("key", None)
    assert looking.get_run("a") == {"key": "of another process"}


def test_what_is_no_question_is_passed_on():
    assert snapshot(Counting()).uri == "sqlite://"
    with pytest.raises(AttributeError):
        _ = snapshot(Counting()).nothing

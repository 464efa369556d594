"""The looks at test images, in a real store."""

import os
import subprocess
import sys

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from support.models import results as results_of
from support.project import ROOT

from digits.registry.looks import count, number_of, record

TEST = "43" * 32


def model(sha256):
    found = results_of(f"model {sha256}")
    found.model_sha256 = sha256
    found.tags = {"test_sha256": TEST}
    return found


@pytest.fixture
def champion(client, registry):
    client.set_registered_model_alias("digits", "champion", "1")
    return registry


def test_each_model_counts_once_whatever_looks_at_it(champion):
    assert [number_of(champion, model(name), "evaluate") for name in ("a", "b", "a")] == [1, 2, 1]
    assert record(champion, [model("b"), model("sha1"), model("c")], "compare") == [2, 0, 3]
    assert number_of(champion, model("b"), "promote") == 2
    assert count(champion, TEST) == 3 and count(champion, "other") == 0
    first, *_ = champion.changes.records("look-")
    assert first["champion"] == "1" and first["command"] == "evaluate" and first["who"]


def test_another_champion_or_other_images_begin_anew(client, champion):
    assert [number_of(champion, model(name), "evaluate") for name in ("a", "b")] == [1, 2]
    other = model("c")
    other.tags = {"test_sha256": "9a" * 32}
    assert number_of(champion, other, "evaluate") == 1
    client.set_registered_model_alias("digits", "champion", "2")
    assert number_of(champion, model("b"), "promote") == 1
    assert count(champion, TEST) == 2


def test_without_a_champion_nothing_is_recorded(registry):
    assert number_of(registry, model("a"), "evaluate") == 1
    assert count(registry, TEST) == 0


def test_who_may_only_read_compares_all_the_same(champion, monkeypatch):
    number_of(champion, model("a"), "evaluate")

    def refuse(*_, **__):
        raise MlflowException("Permission denied", PERMISSION_DENIED)

    monkeypatch.setattr(champion.client.__class__, "log_param", refuse)
    assert record(champion, [model("a"), model("b")], "compare") == [1, 2]
    assert count(champion, TEST) == 1


def test_changes_and_looks_do_not_mix(champion):
    number_of(champion, model("a"), "evaluate")
    assert champion.history() == []


RECORD = """
import sys
from support.models import results as results_of
from digits.registry.looks import number_of
from digits.registry.versions import Registry
from digits.tracking.store import connect

found = results_of("a model")
found.tags = {"test_sha256": "43" * 32}
registry = Registry(connect(), "digits")
for name in sys.argv[1:]:
    found.model_sha256 = name
    print(number_of(registry, found, "evaluate"))
"""


@pytest.mark.slow
def test_processes_that_record_at_once_get_numbers_of_their_own(champion):
    names = [[f"{process}-{one}" for one in range(4)] for process in range(3)]
    command = [sys.executable, "-c", RECORD]
    environment = {"PYTHONPATH": str(ROOT / "tests")}
    started = [
        subprocess.Popen([*command, *some], stdout=subprocess.PIPE, text=True, env=os.environ | environment)
        for some in names
    ]
    numbers = [int(line) for process in started for line in process.communicate()[0].split()]
    assert sorted(numbers) == list(range(1, 13))

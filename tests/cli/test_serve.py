"""`digits serve` where it cannot start. The server itself is tested in tests/serving."""

import os
import socket

import pytest
from support.decisions import assert_refused

from digits.registry.history import CHAMPION


def test_a_port_that_is_taken_is_known_before_a_model_is_looked_for(digits):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_refused(digits("serve", "--port", str(port)), f"digits: port {port} of 127.0.0.1 is taken: ")


def test_an_address_of_another_machine_is_one_line(digits):
    outcome = digits("serve", "--host", "192.0.2.1", "--port", "0")
    assert_refused(outcome, "digits: cannot listen on --host 192.0.2.1: ")


@pytest.mark.parametrize("option", [["--port", "-1"], ["--port", "65536"], ["--refresh", "0"], ["--port", "http"]])
def test_an_option_out_of_range_is_wrong_usage(digits, option):
    code, out, err = digits("serve", *option)
    assert code == 2 and out == "" and option[0] in err


def test_a_file_that_is_not_there_is_one_line(digits, tmp_path):
    outcome = digits("serve", "--model", str(tmp_path / "x.keras"), "--port", "0")
    assert_refused(outcome, f"{tmp_path / 'x.keras'}: no such file or folder; give a .keras file")


def test_a_shadow_needs_a_log(digits, tmp_path):
    outcome = digits("serve", "--model", str(tmp_path), "--shadow", "challenger", "--port", "0")
    assert_refused(outcome, "--shadow needs --log DIR, the folder where its answers are kept")


@pytest.mark.slow
def test_a_shadow_that_is_not_there_is_one_line(digits, small_model, tmp_path):
    folder = tmp_path / "log"
    options = ["--model", str(small_model), "--log", str(folder), "--port", "0"]
    assert_refused(
        digits("serve", *options, "--shadow", "x.keras"), "--shadow x.keras: x.keras: no such file or folder"
    )
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_a_name_that_nothing_has_is_one_line(store, digits):
    outcome = digits("serve", "--model", "nobody", "--port", "0")
    assert_refused(outcome, "nobody: no file or folder, alias, version, run, DVC experiment or git revision")
    store.client.delete_registered_model_alias("digits", CHAMPION)
    assert_refused(digits("serve", "--port", "0"), "digits has no champion (aliases: challenger)")


@pytest.mark.slow
def test_a_store_that_does_not_answer_is_one_line(store, digits, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store.folder}/absent/mlflow.db")
    assert_refused(digits("serve", "--port", "0"), "cannot be written", os.environ["MLFLOW_TRACKING_URI"][10:])

"""`digits ui` with the real MLflow server."""

import os
import socket

import pytest
import requests
from support.decisions import assert_refused
from support.pipeline import wait_for
from support.project import Project, kill
from support.servers import free_port


@pytest.mark.slow
def test_it_shows_the_projects_store_and_says_where(store, digits, monkeypatch, tmp_path):
    port = free_port()
    uri, log = f"http://127.0.0.1:{port}", tmp_path / "log"
    where = f"{uri}/#/experiments/{store.client.get_experiment_by_name('digits').experiment_id}/runs"
    command = ("python", "-m", "digits.cli", "ui", "--port", str(port))
    process = Project(store.folder).start(*command, log=log, MLFLOW_TRACKING_URI=os.environ["MLFLOW_TRACKING_URI"])

    def answers():
        try:
            return requests.get(f"{uri}/health", timeout=2).ok
        except requests.RequestException:
            return False

    try:
        wait_for(answers, process)
        assert f"MLflow starts, runs are at {where} — stop with Ctrl-C" in log.read_text()
        assert "<title>MLflow</title>" in requests.get(uri, timeout=20).text
        # A store that is a server has its interface already.
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        said = f"MLFLOW_TRACKING_URI is a server, which shows the runs at {where}\n"
        assert digits("ui", "--port", str(port)) == (0, said, "")
        assert len(digits("history", "--json")[1]) > 100
    finally:
        kill(process)


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_one_line(store, digits, monkeypatch):
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    assert_refused(digits("ui"), f"digits: the MLflow store http://127.0.0.1:{port} does not answer")


@pytest.mark.slow
def test_a_port_that_is_taken_is_one_line(store, digits):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_refused(digits("ui", "--port", str(port)), f"digits: port {port} of 127.0.0.1 is taken: ")


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_that_there_is_not_is_wrong_usage(digits, port):
    code, out, err = digits("ui", "--port", port)
    assert code == 2 and out == "" and "--port" in err

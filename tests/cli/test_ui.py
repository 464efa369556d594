"""`digits ui` with the real MLflow server."""

import os
import re
import signal
import socket

import pytest
import requests
from playwright.sync_api import expect
from support.decisions import assert_refused
from support.pipeline import wait_for
from support.project import Project, kill
from support.servers import free_port


@pytest.mark.slow
def test_it_shows_the_projects_store_in_three_lines(store, digits, monkeypatch, tmp_path):
    port = free_port()
    uri, log = f"http://127.0.0.1:{port}", tmp_path / "log"
    where = f"{uri}/#/experiments/{store.client.get_experiment_by_name('digits').experiment_id}/runs"
    command = ("python", "-m", "digits.cli", "ui", "--port", str(port))
    process = Project(store.folder).start(*command, log=log, MLFLOW_TRACKING_URI=os.environ["MLFLOW_TRACKING_URI"])
    try:
        wait_for(lambda: "Ctrl-C" in log.read_text(), process)
        assert log.read_text().splitlines() == [
            f"The runs are at {where}?workflowType=machine_learning&viewStateShareKey=digits",
            "What MLflow's server says goes into .digits/ui.log",
            "Ctrl-C stops it",
        ]
        assert "<title>MLflow</title>" in requests.get(uri, timeout=20).text
        assert "Uvicorn running" in (store.folder / ".digits/ui.log").read_text()
        # A store that is a server has its interface already.
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        said = f"MLFLOW_TRACKING_URI is a server, which shows the runs at {where}?workflowType=machine_learning\n"
        assert digits("ui", "--port", str(port)) == (0, said, "")
        assert len(digits("history", "--json")[1]) > 100
    finally:
        # As a terminal's Ctrl-C, which reaches MLflow's server, too.
        kill(process, signal.SIGINT)
    assert process.returncode == 0 and log.read_text().splitlines()[3:] == ["Stopped."]


@pytest.mark.slow
def test_it_opens_the_runs_with_the_columns_that_matter(store, browser, tmp_path):
    port = free_port()
    log = tmp_path / "log"
    command = ("python", "-m", "digits.cli", "ui", "--port", str(port))
    process = Project(store.folder).start(*command, log=log, MLFLOW_TRACKING_URI=os.environ["MLFLOW_TRACKING_URI"])
    try:
        wait_for(lambda: "Ctrl-C" in log.read_text(), process)
        page = browser.new_page(viewport={"width": 2000, "height": 900})
        page.goto(re.search(r"http\S+", log.read_text())[0])
        for column in ("metrics.`test_accuracy`", "metrics.`val_accuracy`", "params.`recipe`", "tags.`stopped_by`"):
            expect(page.locator(f'.ag-header-cell[col-id="{column}"]')).to_be_visible(timeout=60_000)
        # The first of MLflow's own columns.
        expect(page.locator('.ag-header-cell[col-id="attributes.`Source`"]')).to_have_count(0)
        page.close()
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

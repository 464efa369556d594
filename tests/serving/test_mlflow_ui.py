"""MLflow's server as a process of this machine."""

import pytest
from support.servers import free_port

from digits.errors import DigitsError
from digits.serving.mlflow_ui import started


@pytest.mark.slow
def test_a_server_that_does_not_start_says_its_last_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log, database = tmp_path / "state" / "ui.log", tmp_path / "mlflow.db"
    database.write_text("not a database")
    with (
        pytest.raises(DigitsError, match=r"^MLflow's server ended; its last line in state/ui\.log: .+"),
        started(free_port(), f"sqlite:///{database}", log),
    ):
        pytest.fail("it started")
    assert "file is not a database" in log.read_text()

"""What MLflow reads of the shell when this project uses it."""

import os
import sys

import pytest

from digits.tracking.settings import download_bar, use_mlflow


def test_a_user_may_say_how_long_to_wait_and_nothing_of_what_is_recorded(monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ |= {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "77",
        "MLFLOW_TRACKING_TOKEN": "t",
        "MLFLOW_ACTIVE_MODEL_ID": "m-theirs",
        "MLFLOW_DISABLE_TELEMETRY": "false",
    }
    os.environ.pop("MLFLOW_HTTP_REQUEST_MAX_RETRIES", None)
    use_mlflow()
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77" and os.environ["MLFLOW_TRACKING_TOKEN"] == "t"
    assert "MLFLOW_ACTIVE_MODEL_ID" not in os.environ
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true" and os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_alone_shows_mlflows_bar(monkeypatch, terminal):
    from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR as BAR

    use_mlflow()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with pytest.raises(OSError, match="gone"), download_bar():
        assert BAR.get() is terminal
        raise OSError("gone")
    assert BAR.get() is False

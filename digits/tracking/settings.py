"""MLflow's variables in the shell: which of them may stay, and what this project sets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from digits.surroundings import shield

# Addresses, users, certificates, limits of time and size of transfers, and the settings of `mlflow server`, which
# `digits ui` starts. MLFLOW_RUN_ID and MLFLOW_REGISTRY_URI are checked where they are read.
_KEPT = (
    r"MLFLOW_(TRACKING_(URI|USERNAME|PASSWORD|TOKEN|AUTH|AWS_SIGV4|INSECURE_TLS|\w+_CERT_PATH)|REGISTRY_URI|RUN_ID"
    r"|WORKSPACE|HTTP_\w+|ALLOW_HTTP_REDIRECTS|(BOTO|S3|GCS|KERBEROS|MYSQL|PYARROW)_\w+|DFS_TMP|SQLALCHEMYSTORE_\w+"
    r"|\w*MULTIPART\w*|ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT|DOWNLOAD_CHUNK_TIMEOUT|(AUTH|SERVER)_\w+"
    r"|FLASK_SERVER_SECRET_KEY|SYSTEM_METRICS_SAMPL\w+)"
)
_BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
_FIXED = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    _BAR: "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
# MLflow's own wait for minutes. With these a dead server is known after about ten seconds.
_DEFAULT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def use_mlflow() -> None:
    """Keep the shell's settings of other projects from MLflow. Call it before the first import."""
    shield(r"_?MLFLOW_.*", _KEPT, _FIXED, _DEFAULT)


@contextmanager
def download_bar() -> Iterator[None]:
    """Let MLflow show its bar for what comes from a server, if standard error is a terminal."""
    os.environ[_BAR] = str(sys.stderr.isatty()).lower()
    try:
        yield
    finally:
        os.environ[_BAR] = _FIXED[_BAR]

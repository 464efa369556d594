"""`digits ui`"""

import os
from typing import Annotated

import typer

from digits import paths


def ui(port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 5000) -> None:
    """Open the MLflow UI on the project's store.

    Example: `digits ui --port 5001`
    """
    import sys

    from digits.serving import http
    from digits.tracking import address, store

    experiment = store.connect().get_experiment_by_name(store.EXPERIMENT)
    uri = address.tracking_uri()
    place = f"#/experiments/{experiment.experiment_id}/runs"
    if address.is_server(uri):
        typer.echo(f"MLFLOW_TRACKING_URI is a server, which shows the runs at {address.shown(uri)}/{place}")
        return
    # MLflow would say it in a traceback.
    http.listen("127.0.0.1", port).close()
    typer.echo(f"MLflow starts, runs are at http://127.0.0.1:{port}/{place} — stop with Ctrl-C", err=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", uri]
    command += ["--default-artifact-root", (paths.project_root() / store.ARTIFACTS).as_uri()]
    os.execv(sys.executable, command)

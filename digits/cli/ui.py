"""`digits ui`"""

import os
from typing import Annotated

import typer

from digits import paths


def ui(port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 5000) -> None:
    """Open the MLflow UI on the project's store.

    Example: `digits ui --port 5001`
    """
    from digits.serving import http, mlflow_ui
    from digits.tracking import address, interface, store

    client = store.connect()
    experiment = client.get_experiment_by_name(store.EXPERIMENT)
    uri = address.tracking_uri()
    if address.is_server(uri):
        place = interface.place_of_runs(experiment, has_view=False)
        typer.echo(f"MLFLOW_TRACKING_URI is a server, which shows the runs at {address.shown(uri)}/{place}")
        return
    # MLflow would say it in a traceback.
    http.listen("127.0.0.1", port).close()
    interface.give_view(client, experiment)
    log = paths.state() / "ui.log"
    with mlflow_ui.started(port, uri, log) as server:
        typer.echo(f"The runs are at http://127.0.0.1:{port}/{interface.place_of_runs(experiment, has_view=True)}")
        typer.echo(f"What MLflow's server says goes into {os.path.relpath(log)}")
        typer.echo("Ctrl-C stops it")
        server.wait()
    typer.echo("Stopped.")

"""`digits sync`"""

import typer

from digits.cli.app import enter_project, open_registry


def sync() -> None:
    """Complete the MLflow record of the model in models/ from the files, where the store lacks it.

    Example: `MLFLOW_TRACKING_URI=http://127.0.0.1:5000 digits sync`
    """
    from digits.params import load_params
    from digits.registry import sync as act

    enter_project()
    params = load_params()
    typer.echo(f"digits: {act.sync(open_registry(), params)}")

"""`digits serve`"""

import functools
from typing import Annotated

import typer

from digits.cli.app import (
    HostOption,
    KeepOption,
    LogOption,
    ModelOption,
    PortOption,
    RefreshOption,
    SampleOption,
    champion,
    log_opener,
    resolve_model,
)
from digits.errors import DigitsError


def serve(
    model: ModelOption = "",
    host: HostOption = "127.0.0.1",
    port: PortOption = 5001,
    refresh: RefreshOption = 3.0,
    log: LogOption = None,
    keep: KeepOption = 1000.0,
    sample: SampleOption = 1.0,
    shadow: Annotated[
        str, typer.Option(metavar="MODEL", help="Another model that reads what is logged, after it is answered.")
    ] = "",
) -> None:
    """Answer HTTP requests with the champion: MLflow's scoring server, raw pixels in, probabilities out.

    Example: `digits serve --port 5001`, then post the printed `curl` line.
    """
    if shadow and log is None:
        raise DigitsError("--shadow needs --log DIR, the folder where its answers are kept")
    from digits.registry.signature import vouched
    from digits.serving import score
    from digits.serving.shadow import Shadow

    name = model or champion()
    open_shadow = None
    if shadow and log:
        open_shadow = functools.partial(
            Shadow, shadow, functools.partial(resolve_model, shadow), log.absolute(), keep, refresh
        )
    opener = log_opener(log, "serve", keep, sample)
    score.serve(lambda: vouched(resolve_model(name)), host, port, refresh, opener, open_shadow)

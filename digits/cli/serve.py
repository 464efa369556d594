"""`digits serve`"""

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
    open_registry,
)


def serve(
    model: ModelOption = "",
    host: HostOption = "127.0.0.1",
    port: PortOption = 5001,
    refresh: RefreshOption = 3.0,
    log: LogOption = None,
    keep: KeepOption = 1000.0,
    sample: SampleOption = 1.0,
) -> None:
    """Answer HTTP requests with the champion: MLflow's scoring server, raw pixels in, probabilities out.

    Example: `digits serve --port 5001`, then post the printed `curl` line.
    """
    from digits.registry.resolve import resolve
    from digits.serving import score

    name = model or champion()
    score.serve(lambda: resolve(name, open_registry), host, port, refresh, log_opener(log, "serve", keep, sample))

"""`digits draw`"""

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
    open_registry,
)


def draw(
    model: ModelOption = "",
    host: HostOption = "127.0.0.1",
    port: PortOption = 5002,
    refresh: RefreshOption = 3.0,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    log: LogOption = None,
    keep: KeepOption = 1000.0,
    sample: SampleOption = 1.0,
) -> None:
    """Draw digits on a page in the browser, or drop a picture, and see what the champion reads.

    Example: `digits draw`, or without a desktop `digits draw --no-browser`.
    """
    from digits.registry.resolve import resolve
    from digits.registry.signature import vouched
    from digits.serving import draw as act

    name = model or champion()
    act.draw(
        lambda: vouched(resolve(name, open_registry)),
        host,
        port,
        refresh,
        browser,
        log_opener(log, "draw", keep, sample),
    )

"""What the commands share: the program, its options, and how they open the project and its store."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digits import paths

if TYPE_CHECKING:
    from digits.params import Params
    from digits.registry.model import Model
    from digits.registry.versions import Registry
    from digits.serving.log import ServedLog

ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="Alias, version, run, DVC experiment, git revision, file or folder.")
]
ModelOption = Annotated[
    str,
    typer.Option("--model", help="Alias, version, run, DVC experiment, git revision, file or folder; else champion."),
]
HostOption = Annotated[str, typer.Option(help="Address to listen on. Anything but loopback is open to your network.")]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")]
RefreshOption = Annotated[float, typer.Option(min=0.1, help="Seconds between two looks for a new champion.")]
LogOption = Annotated[Path | None, typer.Option(metavar="DIR", help="Keep each image and its answer in this folder.")]
KeepOption = Annotated[float, typer.Option(min=1, metavar="MB", help="Room for the log; the oldest go first.")]
SampleOption = Annotated[float, typer.Option(min=0, max=1, help="Share of the requests that is logged.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the table, change nothing.")]
ReasonOption = Annotated[str, typer.Option(help="Why, for the record.")]
SignKeyOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", envvar="DIGITS_SIGNING_KEY", help="Private Ed25519 key (PEM) to sign the version with."
    ),
]
WorkersOption = Annotated[int, typer.Option(min=0, help="Processes of this machine; 0: as many as it has cores.")]
AddressOption = Annotated[
    str,
    typer.Option(metavar="HOST:PORT", help="Of a Ray cluster, whose nodes do the work; auto: that of this machine."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]

# For `--help`. There is none outside the project.
RECIPES = ", ".join(paths.recipe_names()) or f"a file of {paths.RECIPES}/"

app = typer.Typer(
    name="digits",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
)


@app.callback()
def _app(context: typer.Context) -> None:
    """Compare, promote, pull and use models that classify handwritten digits."""
    if "MLFLOW_RUN_ID" in os.environ and context.invoked_subcommand in ("compare", "promote", "rollback", "pull"):
        from digits.tracking.run import name_project_run

        name_project_run(f"digits {context.invoked_subcommand}")


def enter_project() -> None:
    """Go to the project's folder, whose files the command reads, from wherever within it the command was given."""
    os.chdir(paths.project_root())


def project_params() -> Params:
    """The project's parameters. Wrong ones are refused before the store is opened."""
    from digits.params import load_params

    return load_params(paths.project_root() / paths.PARAMS)


@functools.cache
def open_registry(name: str = "", only_look: bool = False) -> Registry:
    """The registered model, also from outside the project against a tracking server.

    Args:
        name: what it is called; default is as params.yaml says, or outside the project `digits`.
        only_look: ask the store each question once, for a command that decides nothing.
    """
    from digits.registry.versions import Registry
    from digits.tracking.snapshot import snapshot
    from digits.tracking.store import connect

    # Wrong parameters are refused before the store is opened.
    names = (name,) if name else _model_names()
    return Registry(snapshot(connect()) if only_look else connect(), *names)


def resolve_model(name: str) -> Model:
    """The model that a name means now. Another process can call it, too."""
    from digits.registry.resolve import resolve

    return resolve(name, open_registry)


def log_opener(folder: Path | None, command: str, keep: float, sample: float) -> Callable[[], ServedLog] | None:
    """What opens the log that the options of a server ask for; None where they ask for none."""
    if folder is None:
        return None
    # The command may go elsewhere.
    place = folder.absolute()

    def open_log() -> ServedLog:
        from digits.serving.log import ServedLog

        return ServedLog(place, command, keep, sample)

    return open_log


def champion() -> str:
    """The name of the present champion."""
    return f"models:/{_model_names()[0]}@champion"


def _model_names() -> tuple[str, str]:
    """What the registered model and that of the candidates are called: as params.yaml says, or outside `digits`."""
    if not (paths.project_root() / paths.PARAMS).is_file():
        return "digits", ""
    section = project_params().register_
    return section.model_name, section.candidates_name

"""`digits pull`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digits import paths
from digits.cli.app import open_registry
from digits.errors import DigitsError

if TYPE_CHECKING:
    from digits.registry.lock import Lock
    from digits.registry.versions import Registry


def pull(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Any name of a registered version; left out: champion.")
    ] = "",
    alias: Annotated[str, typer.Option(help="Alias of the version.")] = "",
    version: Annotated[str, typer.Option(help="Its number.")] = "",
    to: Annotated[Path | None, typer.Option(help="Folder to write; left out: pulled, or the lock's.")] = None,
    lock: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Restore exactly what this file says; write it where it is not there."),
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Take what the lock's alias means now.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only compare the folder with the lock; no store.")] = False,
    outdated: Annotated[bool, typer.Option("--outdated", help="Only look whether the lock's alias moved.")] = False,
) -> None:
    """Write a registered version into a folder that needs neither MLflow nor this repository.

    Example: `digits pull --version 2 --to digits-2`, or `digits pull --lock digits.lock` in an application.
    """
    names = [name for name in (model, alias, version) if name]
    if len(names) > 1:
        raise typer.BadParameter("name one model: MODEL, --alias or --version", param_hint="MODEL")
    if lock is None:
        if update or check or outdated:
            raise typer.BadParameter("--update, --check and --outdated need it", param_hint="--lock")
        _pull(model, alias, version, to or Path("pulled"))
    elif check or outdated:
        if names or update:
            raise typer.BadParameter("--check and --outdated take no model and change nothing", param_hint="--lock")
        _compare(lock, to, check, outdated)
    elif lock.exists() and not update:
        if names:
            raise typer.BadParameter(f"{lock} says which version; --update takes another", param_hint="MODEL")
        _restore(lock, to)
    else:
        _take(lock, to, model, alias, version)


def _pull(model: str, alias: str, version: str, to: Path) -> None:
    from digits.registry import pull as act
    from digits.registry.resolve import find_version

    registry = open_registry()
    found, _ = find_version(registry, model, alias, version)
    _tell(str(found.version), act.pull(registry.client, found, to))


def _take(file: Path, to: Path | None, model: str, alias: str, version: str) -> None:
    from digits.registry import lock as act
    from digits.registry.resolve import find_version

    before = act.read_lock(file) if file.exists() else None
    if before and not (model or alias or version):
        if before.alias is None:
            raise DigitsError(
                f"{file} follows no alias: name the version to take, `digits pull 3 --lock {file} --update`"
            )
        alias = before.alias
    registry = _open(before) if before else open_registry()
    found, followed = find_version(registry, model, alias, version)
    folder = to or (act.folder_of(file, before) if before else Path("pulled"))
    after = act.take(registry.client, found, followed, file, folder)
    if before and (news := act.news(before, found)):
        typer.echo(news)
    _tell(str(found.version), folder)
    typer.echo(f"digits: {file} {'is as it was' if after == before else 'is written'}")


def _restore(file: Path, to: Path | None) -> None:
    from digits.registry import lock as act
    from digits.registry import pull

    lock = act.read_lock(file)
    folder = to or act.folder_of(file, lock)
    if act.difference(lock, folder):
        registry = _open(lock)
        pull.pull(registry.client, registry.version(str(lock.version)), folder, lock.files)
    _tell(str(lock.version), folder)
    if lock.alias is None:
        return
    try:
        now = _open(lock).version_with(lock.alias)
    except DigitsError as error:
        # What the application needs is there, byte for byte.
        typer.echo(f"digits: whether {lock.alias} moved is not known: {error}", err=True)
        return
    if news := act.news(lock, now):
        typer.echo(f"{news}\ndigits: {act.moved(lock, now, file)}")


def _compare(file: Path, to: Path | None, check: bool, outdated: bool) -> None:
    from digits.registry import lock as act

    if not file.exists():
        raise DigitsError(f"there is no {file}: `digits pull --lock {file}` writes it")
    lock = act.read_lock(file)
    if check:
        folder = to or act.folder_of(file, lock)
        if difference := act.difference(lock, folder):
            raise DigitsError(
                f"{folder} is not what {file} says, {difference}: `digits pull --lock {file}` restores {lock.title}"
            )
        typer.echo(f"digits: {folder} is what {file} says, {lock.title}")
    if outdated and lock.alias is None:
        typer.echo(f"digits: {file} follows no alias")
    elif outdated:
        now = _open(lock).version_with(str(lock.alias))
        if news := act.news(lock, now):
            typer.echo(news)
            raise DigitsError(act.moved(lock, now, file))
        typer.echo(f"digits: {lock.alias} is version {lock.version}, as {file} says")


def _open(lock: Lock) -> Registry:
    """The registered model of a lock.

    Raises:
        DigitsError: as `open_registry`; where no store is named, with the address that the lock was written from.
    """
    from digits.tracking import address

    if not address.is_named() and not (paths.project_root() / paths.PARAMS).is_file():
        raise DigitsError(f"set MLFLOW_TRACKING_URI to the store of {lock.title}; it was {lock.store}")
    return open_registry(lock.model)


def _tell(number: str, folder: Path) -> None:
    # A version from before there were twins has none.
    twin = folder / paths.TWIN.name
    lines = [
        f"digits: version {number} is in {folder}, bytes verified",
        f"  keras.models.load_model('{folder / paths.MODEL.name}')",
    ]
    if twin.is_file():
        lines.append(f"  or {twin} with NumPy and ai-edge-litert alone: see {folder / 'model_card.md'}")
    typer.echo("\n".join(lines))

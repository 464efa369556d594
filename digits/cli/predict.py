"""`digits predict`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digits.cli.app import ModelOption, champion, open_registry

if TYPE_CHECKING:
    from digits.pictures.read import Reader
    from digits.registry.model import Model
    from digits.registry.remembered import Known


def predict(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE", help="Pictures, folders of pictures, or - (stdin).")],
    model: ModelOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
    explain: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write there NAME-explained.png: found, seen, looked at."),
    ] = None,
) -> None:
    """Read the digits in pictures: photos, scans, drawings, of any size, light on dark or dark on light.

    Prints one line a digit: file, class, probability, runner-up, and "not sure" with the reason.

    Example: `digits predict photo.jpg scans/ --explain explained/`
    """
    import json
    import sys
    from functools import partial

    from digits.pictures.batch import predict_all
    from digits.pictures.file import MAX_BYTES, PictureError

    found, reader = _load(model)
    failed, pictures = False, []
    stdin = partial(sys.stdin.buffer.read, MAX_BYTES + 1)
    for outcome in predict_all(images, reader, stdin, explain):
        if isinstance(outcome, PictureError):
            failed = True
            typer.echo(f"digits: {outcome}", err=True)
        elif as_json:
            pictures.append(outcome.as_dict())
        else:
            typer.echo("\n".join(outcome.lines()))
    if as_json:
        report = {
            "model": found.uri,
            "sha256": found.sha256,
            "classes": list(reader.class_names),
            "not_sure_below": reader.not_sure_below,
            "pictures": pictures,
        }
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    if failed:
        raise typer.Exit(1)


def _load(name: str) -> tuple[Known | Model, Reader]:
    """The model that a name means, and what reads pictures with it; the store is asked where nothing is remembered."""
    from digits.model.classifier import load_classifier
    from digits.pictures.read import Reader
    from digits.registry import remembered

    state = remembered.state()
    if known := remembered.recall(name, state):
        return known, Reader.of(load_classifier(known.file), known)
    from digits.registry.resolve import resolve
    from digits.registry.signature import vouched

    model = vouched(resolve(name or champion(), open_registry))
    reader = Reader.of(load_classifier(model.file()), model.results)
    remembered.remember(name, state, model, reader.class_names)
    return model, reader

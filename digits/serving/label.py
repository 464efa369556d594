"""`digits label`: a local page on which people say what the logged images are, one key a label.

A label is on the disk before the page shows it as kept. What the model read stays hidden until then: who sees it first
tends to agree with it, and the model would look better than it is.
"""

from __future__ import annotations

import asyncio
import base64
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from digits.errors import DigitsError
from digits.git import person
from digits.serving.http import RequestError, address, header, listen, read_body, run
from digits.serving.log import ServedLog
from digits.serving.page import guard, page_app
from digits.serving.unlabelled import Order, Unlabelled

PAGE = Path(__file__).with_suffix(".html")
MAX_BODY = 2**16
# Images that a page is given at once.
_AT_ONCE = 10


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Asked(_Body):
    """What the page sends to `/images`: its name, and whether to give what it has had as well."""

    page: str = Field(max_length=40)
    anew: bool = False


class Row(_Body):
    """What the page sends to `/undo`: the id of a row."""

    id: str = Field(max_length=100)


class Said(Row):
    """What the page sends to `/label`: a row, and its class or null for no digit."""

    label: int | None


_Shape = TypeVar("_Shape", bound=_Body)


class Labelling:
    """A log, and what people say of its images."""

    def __init__(self, unlabelled: Unlabelled, log: ServedLog, class_names: Sequence[str] = ()) -> None:
        """Take what is left to label, and the log that takes labels.

        Args:
            unlabelled: what is left.
            log: opened in the same folder.
            class_names: of the models that know so many classes; those of others are numbered.
        """
        self._unlabelled, self._log, self._class_names = unlabelled, log, class_names
        self._who = person()

    def images(self, asked: Asked) -> dict[str, Any]:
        """The next images of a page, ready for JSON.

        Raises:
            DigitsError: the log is damaged.
        """
        found = self._unlabelled.take(asked.page, _AT_ONCE, asked.anew)
        return found | {"images": [self._image(image) for image in found["images"]], "order": self._unlabelled.order}

    def leave(self, asked: Asked) -> dict[str, Any]:
        """A page is closed."""
        self._unlabelled.leave(asked.page)
        return {}

    def label(self, said: Said) -> dict[str, Any]:
        """Write what a person says.

        Raises:
            RequestError: there is no such row or class, or the disk does not take it.
        """
        classes = self._unlabelled.classes_of(said.id)
        if classes is None:
            raise RequestError(409, f"{said.id} is no image of this log: load the page anew.")
        if said.label is not None and not 0 <= said.label < classes:
            raise RequestError(400, f"A label is a class from 0 to {classes - 1}, or null for no digit.")
        self._write(said.id, said.label)
        return {}

    def undo(self, row: Row) -> dict[str, Any]:
        """Write that a person takes back what they said.

        Raises:
            RequestError: the disk does not take it.
        """
        self._write(row.id, None, withdrawn=True)
        return {}

    def _write(self, row: str, label: int | None, withdrawn: bool = False) -> None:
        try:
            self._log.label_at_once(row, label, self._who, self._unlabelled.order, withdrawn)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise RequestError(507, f"Not kept: {why} in {self._log.folder}. Mend that, then say it again.") from None

    def _image(self, row: dict[str, Any]) -> dict[str, Any]:
        names = self._names(len(row["probabilities"]))
        return {
            "id": row["id"],
            "side": row["side"],
            "pixels": base64.b64encode(row["pixels"]).decode("ascii"),
            "classes": names,
            "read": names[row["digit"]],
            "probability": row["probabilities"][row["digit"]],
        }

    def _names(self, classes: int) -> Sequence[str]:
        if len(self._class_names) == classes:
            return self._class_names
        return [str(label) for label in range(classes)]


def build_app(labelling: Labelling) -> FastAPI:
    """The application: the page and the addresses that it asks."""
    app = page_app(PAGE, "GET /, POST /images, POST /label, POST /undo and POST /leave")

    @app.post("/images")
    async def images(request: Request) -> JSONResponse:
        asked = await _parse(request, Asked, '{"page": "…", "anew": true}')
        try:
            return JSONResponse(await asyncio.to_thread(labelling.images, asked))
        except DigitsError as error:
            raise RequestError(503, f"{error}.") from None

    @app.post("/leave")
    async def leave(request: Request) -> JSONResponse:
        return JSONResponse(labelling.leave(await _parse(request, Asked, '{"page": "…"}')))

    @app.post("/label")
    async def label(request: Request) -> JSONResponse:
        said = await _parse(request, Said, '{"id": "…", "label": 7}')
        return JSONResponse(await asyncio.to_thread(labelling.label, said))

    @app.post("/undo")
    async def undo(request: Request) -> JSONResponse:
        row = await _parse(request, Row, '{"id": "…"}')
        return JSONResponse(await asyncio.to_thread(labelling.undo, row))

    return app


async def _parse(request: Request, shape: type[_Shape], example: str) -> _Shape:
    # No web site can make a browser send this type here.
    if header(request.scope, b"content-type").lower() != "application/json":
        raise RequestError(415, "Send JSON with the Content-Type application/json.")
    try:
        return shape.model_validate_json(await read_body(request.scope, request.receive, MAX_BODY))
    except ValidationError:
        raise RequestError(400, f"Send {example}.") from None


def label(
    folder: Path,
    host: str,
    port: int,
    order: Order,
    browser: bool,
    class_names: Sequence[str] = (),
    model_sha256: str | None = None,
) -> None:
    """Show the page until SIGTERM or Ctrl-C.

    Args:
        folder: of the log.
        host: the address to listen on.
        port: 0 for any free port.
        order: as of `Unlabelled`.
        browser: whether to open the page in the desktop's browser.
        class_names: as of `Labelling`.
        model_sha256: leave out what other models read.

    Raises:
        DigitsError: the port is taken, or the log is missing, damaged, without an image, or cannot be written.
    """
    sock = listen(host, port)
    unlabelled = Unlabelled(folder, order, model_sha256)
    if not len(unlabelled):
        of_model = " of this model" if model_sha256 else ""
        raise DigitsError(f"{folder}: no image{of_model} is logged there; `digits draw --log {folder}` logs some")
    log = ServedLog(folder, "label")

    def ready() -> None:
        url = address(sock)
        how = "the least sure first" if order == "least-sure" else "in random order"
        print(f"Label the {len(unlabelled):,} images of {folder} on {url}, {how}. Ctrl-C stops.", flush=True)
        if browser:
            # In a thread, because `open` returns with some browsers only when they are closed.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    try:
        run(guard(build_app(Labelling(unlabelled, log, class_names)), host), sock, ready)
    finally:
        log.close()
    print("Stopped.")

"""`digits draw`: a local page on which a person draws digits, or drops a picture, and the model reads them.

The page sends drawings as PNG, so they are read like the pictures of `digits predict`: `digits.pictures` brings each
digit into the form of MNIST, and the model classifies it. Nothing is stored, and no other machine is involved.
"""

from __future__ import annotations

import asyncio
import base64
import threading
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from digits.errors import DigitsError
from digits.serving.drawn import Drawn
from digits.serving.http import RequestError, address, header, listen, read_body, run
from digits.serving.page import guard, page_app

if TYPE_CHECKING:
    from digits.registry.model import Model
    from digits.serving.follow import Live
    from digits.serving.log import ServedLog

PAGE = Path(__file__).with_suffix(".html")
# A phone's photo has 3 to 12 MB.
MAX_BODY = 25 * 2**20
MAX_NOTE = 2**20


class DrawingModel:
    """A loaded model that reads pictures."""

    def __init__(self, model: Model) -> None:
        """Load a model and classify one blank image, so that the first drawing is read as fast as the others.

        Raises:
            DigitsError: the file is missing or not a Keras model, or the names beside it are not those of its classes.
        """
        from digits.model.classifier import load_classifier
        from digits.pictures.read import Reader
        from digits.serving.follow import describe

        self._reader = Reader.of(load_classifier(model.file(), threads=1), model.results)
        self._reader.classify(np.zeros((1, self._reader.side, self._reader.side), np.uint8))
        self._sha256, self._number = model.sha256, model.number
        self.classes = len(self._reader.class_names)
        self.about = {
            "name": describe(model, accuracy=False),
            "accuracy": model.accuracy,
            "classes": list(self._reader.class_names),
            "side": self._reader.side,
        }

    def read(self, data: bytes, name: str, drawn: Drawn | None = None) -> dict[str, Any]:
        """Find and read the digits of a picture.

        Args:
            data: the bytes of a picture file.
            name: of the picture, for error messages.
            drawn: takes the readings, which the page may then ask to be logged.

        Returns:
            A dictionary for JSON. `digits`: in reading order, each with the fields of `digits.pictures.read.Reading`;
            `pixels`, the model's input, are uint8 (side, side) row by row in base64. `note`: a remark on the picture.
            `model`: its name and accuracy, the names of its classes and the side of its images. With `drawn` a digit
            has an `id`, too.

        Raises:
            DigitsError: the file is no picture, damaged or too large.
        """
        from digits.pictures.file import load_picture
        from digits.pictures.read import predict

        started = time.perf_counter()
        prediction = predict(load_picture(data, name), self._reader)
        digits = [
            facts | {"pixels": base64.b64encode(reading.pixels.tobytes()).decode("ascii")}
            for facts, reading in zip(prediction.as_dict()["digits"], prediction.readings, strict=True)
        ]
        if drawn:
            milliseconds = 1e3 * (time.perf_counter() - started)
            ids = drawn.remember(self._sha256, self._number, prediction.readings, milliseconds)
            digits = [digit | {"id": row} for digit, row in zip(digits, ids, strict=True)]
        return {"digits": digits, "note": prediction.note, "model": self.about}


def build_app(live: Live[DrawingModel], drawn: Drawn | None = None) -> FastAPI:
    """The application: the page and the addresses that it asks.

    Args:
        live: the model, which may change between requests.
        drawn: takes what is to be logged.
    """
    app = page_app(PAGE, "GET /, GET /model, POST /read and POST /keep")

    @app.get("/model")
    async def show_model() -> dict[str, Any]:
        return live.current.about | {"recorded": drawn is not None}

    @app.post("/read")
    async def read(request: Request) -> JSONResponse:
        kind = header(request.scope, b"content-type").lower()
        body = await read_body(request.scope, request.receive, MAX_BODY)
        # A browser lets any web site send forms and text to this server, but not these types.
        if not kind.startswith(("image/", "application/octet-stream")):
            raise RequestError(415, "Send the bytes of a picture with a Content-Type of image/….")
        try:
            return JSONResponse(await asyncio.to_thread(live.current.read, body, "The file", drawn))
        except DigitsError as error:
            raise RequestError(422, f"{error}.") from None

    @app.post("/keep")
    async def keep(request: Request) -> JSONResponse:
        if drawn is None:
            raise RequestError(404, "Nothing is logged: start `digits draw` with --log.")
        # No web site can make a browser send this type here.
        if header(request.scope, b"content-type").lower() != "application/json":
            raise RequestError(415, "Send JSON with the Content-Type application/json.")
        drawn.keep(await read_body(request.scope, request.receive, MAX_NOTE), live.current.classes)
        return JSONResponse({})

    return app


def draw(
    resolve: Callable[[], Model],
    host: str,
    port: int,
    refresh: float,
    browser: bool,
    open_log: Callable[[], ServedLog] | None = None,
) -> None:
    """Show the page until SIGTERM or Ctrl-C.

    Args:
        resolve: finds the model that the name means now.
        host: the address to listen on.
        port: 0 for any free port.
        refresh: seconds between two calls of `resolve`.
        browser: whether to open the page in the desktop's browser.
        open_log: opens the log of what is read.

    Raises:
        DigitsError: the port is taken, the model is missing or cannot be loaded, the log cannot be written.
    """
    from digits.serving.follow import Live, describe

    sock = listen(host, port)
    live = Live(resolve, DrawingModel)
    live.watch(refresh)
    log = open_log() if open_log else None

    def ready() -> None:
        url = address(sock)
        notice = f"What is drawn, and what was read, is kept in {log.folder}. " if log else ""
        print(f"Draw a digit on {url} and {describe(live.model)} reads it. {notice}Ctrl-C stops.", flush=True)
        if browser:
            # In a thread, because `open` returns with some browsers only when they are closed.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    try:
        run(guard(build_app(live, Drawn(log) if log else None), host), sock, ready)
    finally:
        if log:
            log.close()
    print("Stopped.")

"""`digits serve`: MLflow's scoring server on this machine, behind a guard that accepts raw pixels only.

MLflow casts all values to the signature's uint8: pixels divided by 255 would become 0 and get an answer with status
200. The guard refuses everything but raw pixels, with one sentence that says what to send. Raw pixels get the answer of
MLflow's /invocations. /ping, /health and /version are answered by MLflow's application.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from digits.pictures.read import threshold_of
from digits.serving.example import example
from digits.serving.http import (
    ClientGoneError,
    RequestError,
    address,
    check_host,
    header,
    listen,
    read_body,
    run,
    send_refusal,
    send_response,
)
from digits.serving.pixels import parse_pixels, what_to_send

if TYPE_CHECKING:
    from digits.model.classifier import Classifier
    from digits.registry.model import Model
    from digits.serving.follow import Live
    from digits.serving.http import App, Receive, Scope, Send
    from digits.serving.log import ServedLog

# About 2,900 images as JSON without spaces. The parsed body takes up to 25 times as much memory.
MAX_BODY = 8 * 2**20
# Up to this number, images are classified in the event loop: a thread would cost more time than it saves.
INLINE_IMAGES = 4
ENDPOINTS = {
    "/invocations": "POST",
    "/example": "GET",
    "/model": "GET",
    "/ping": "GET",
    "/health": "GET",
    "/version": "GET",
}


class PixelModel:
    """The pyfunc model that MLflow's server calls.

    MLflow's own Keras flavour takes 70 ms for an image.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    def predict(self, model_input: np.ndarray, params: dict[str, Any] | None = None) -> np.ndarray:
        """Probabilities float32 (n, classes) of raw pixels uint8 (n, side, side). `params` is unused."""
        return self._classifier(model_input)


class ScoringModel:
    """One loaded model in MLflow's server. Each new champion gets an object of its own."""

    def __init__(self, model: Model) -> None:
        """Load a model and score one blank image, so that the first request is as fast as the others.

        Raises:
            DigitsError: the file is missing or not a Keras model, or the names beside it are not those of its classes.
        """
        from mlflow.models import Model, ModelSignature
        from mlflow.pyfunc import PyFuncModel
        from mlflow.pyfunc.scoring_server import init
        from mlflow.types import Schema, TensorSpec

        from digits.model.classifier import load_classifier

        # For a single image, the hand-over to a second thread takes twice the time that it saves.
        self._classifier = classifier = load_classifier(model.file(), threads=1)
        self.side = classifier.side
        self.example = example(self.side)
        self._class_names = model.results.names_of(classifier.classes)
        self._not_sure_below = threshold_of(model.results)
        self._number, self._sha256 = model.number, model.sha256
        signature = ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, self.side, self.side))]),
            outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, classifier.classes))]),
        )
        # MLflow demands a flavour. It never calls this loader, because the model is loaded already.
        flavour = {"python_function": {"loader_module": "digits.serving.score"}}
        pyfunc = PyFuncModel(Model(signature=signature, flavors=flavour), PixelModel(classifier))
        self.app: App = init(pyfunc)
        name = model.version.name if model.version else model.title
        version = f"{name}/{model.number}" if model.version else name
        self.headers = [
            (b"model-version", version.encode("ascii", "replace")),
            (b"model-sha256", model.sha256.encode("ascii")),
        ]
        self.about = {
            "name": name,
            "version": model.number,
            "uri": model.uri,
            "sha256": model.sha256,
            "test_accuracy": model.accuracy,
            "classes": self._class_names,
            "send": what_to_send(self.side),
        }
        self.invocations(np.zeros((1, self.side, self.side), np.uint8))

    def invocations(self, pixels: np.ndarray, log: ServedLog | None = None, started: float = 0.0) -> bytes:
        """Score images as MLflow's server does, and add the most probable class of each.

        Args:
            pixels: uint8 (n, side, side).
            log: takes a row for each image.
            started: when the request began, by `time.perf_counter`.

        Returns:
            JSON: MLflow's `{"predictions": [[…10 probabilities…], …]}`, and before it the labels, `"digits": [7, …]`,
            and their names, `"classes": ["7", …]`.
        """
        # The same numbers as from MLflow's `invocations`, which takes more time than the model.
        probabilities = self._classifier(pixels)
        predictions = probabilities.tolist()
        digits = [row.index(max(row)) for row in predictions]
        names = [self._class_names[digit] for digit in digits]
        answer = orjson.dumps({"digits": digits, "classes": names, "predictions": predictions}) + b"\n"
        if log:
            sure = (probabilities.max(axis=1) >= self._not_sure_below).tolist()
            log.add(self._sha256, self._number, pixels, probabilities, sure, 1e3 * (time.perf_counter() - started))
        return answer


def guard(live: Live[ScoringModel], host: str = "127.0.0.1", log: ServedLog | None = None) -> App:
    """The ASGI application: MLflow's server of the current model, behind checks that it does not make itself.

    Args:
        live: the model. It may change between requests, but not within one.
        host: the address that the server listens on.
        log: takes a row for each image that is answered.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the server is not set up for {scope['type']}")
        model = live.current
        path, method = scope["path"], scope["method"]
        try:
            check_host(scope, host)
            body = await read_body(scope, receive, MAX_BODY)
            if path not in ENDPOINTS:
                raise RequestError(404, f"There is no {path[:80]}: there are {', '.join(ENDPOINTS)}.")
            if method == "HEAD" and ENDPOINTS[path] == "GET":
                # Uvicorn leaves out the body of the answer.
                scope = {**scope, "method": "GET"}
            elif method != ENDPOINTS[path]:
                raise RequestError(405, f"{path} takes {ENDPOINTS[path]}, not {method[:20]}.")
            if path == "/invocations":
                _check_content(scope)
                await send_response(send, 200, await _score(model, body, log), model.headers)
            elif path == "/example":
                await send_response(send, 200, model.example, model.headers)
            elif path == "/model":
                about = orjson.dumps(model.about, option=orjson.OPT_INDENT_2) + b"\n"
                await send_response(send, 200, about, model.headers)
            else:
                await model.app(scope, receive, send)
        except RequestError as error:
            allow = [(b"allow", ENDPOINTS[path].encode())] if error.status == 405 else []
            await send_refusal(send, error, model.headers + allow)
        except ClientGoneError:
            return

    return app


async def _score(model: ScoringModel, body: bytes, log: ServedLog | None) -> bytes:
    started = time.perf_counter()
    # A large body is parsed and scored in a thread, so that the server answers other requests meanwhile.
    if len(body) > INLINE_IMAGES * model.side**2 * 5:
        return await asyncio.to_thread(lambda: model.invocations(parse_pixels(body, model.side), log, started))
    return model.invocations(parse_pixels(body, model.side), log, started)


def _check_content(scope: Scope) -> None:
    kind, _, parameters = header(scope, b"content-type").lower().partition(";")
    if kind.strip() != "application/json":
        got = f"not {kind.strip()[:60]}" if kind.strip() else "which the request does not state"
        raise RequestError(415, f"The Content-Type must be application/json, {got}.")
    if parameters.strip().replace('"', "") not in ("", "charset=utf-8"):
        raise RequestError(415, f"JSON is UTF-8: send Content-Type: application/json without{parameters[:60]}.")
    if header(scope, b"content-encoding").lower() not in ("", "identity"):
        raise RequestError(415, "Compressed bodies are not read: send the JSON as it is, without Content-Encoding.")


def serve(
    resolve: Callable[[], Model],
    host: str,
    port: int,
    refresh: float,
    open_log: Callable[[], ServedLog] | None = None,
) -> None:
    """Serve a model until SIGTERM or Ctrl-C, and change to another when its name comes to mean another.

    Args:
        resolve: finds the model that the name means now.
        host: the address to listen on.
        port: 0 for any free port.
        refresh: seconds between two calls of `resolve`.
        open_log: opens the log of what is served.

    Raises:
        DigitsError: the port is taken, the model is missing or cannot be loaded, the log cannot be written.
    """
    from digits.serving.follow import Live, describe
    from digits.tracking.settings import use_mlflow

    sock = listen(host, port)
    use_mlflow()
    live = Live(resolve, ScoringModel)
    live.watch(refresh)
    log = open_log() if open_log else None

    def ready() -> None:
        url = address(sock)
        print(
            f"Serving {describe(live.model)} on {url}\n"
            f"Try it (the picture of a 7):\n\n"
            f"  curl -s {url}/example | curl -s {url}/invocations -H 'Content-Type: application/json' -d @-\n\n"
            f"Send {what_to_send(live.current.side)}.\n"
            f"{url}/model names the model. A new one is picked up within about {refresh:g} seconds;\n"
            f"requests under way finish on the old one. {log.notice if log else ''}"
            "Ctrl-C stops once they are finished.",
            flush=True,
        )

    try:
        run(guard(live, host, log), sock, ready)
    finally:
        if log:
            log.close()
    print("Stopped.")

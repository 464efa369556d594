"""`digits serve`: MLflow's scoring server on this machine, behind a guard that accepts raw pixels only.

MLflow casts all values to the signature's uint8: pixels divided by 255 would become 0 and get an answer with status
200. The guard refuses everything but raw pixels, with one sentence that says what to send. Raw pixels get the answer of
MLflow's /invocations. /ping, /health and /version are answered by MLflow's application.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

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
from digits.serving.shadow_reader import Batch, Facts

if TYPE_CHECKING:
    from digits.model.classifier import Classifier
    from digits.registry.model import Model
    from digits.serving.follow import Live
    from digits.serving.http import App, Receive, Scope, Send
    from digits.serving.log import ServedLog
    from digits.serving.shadow import Shadow

# About 2,900 images as JSON without spaces. The parsed body takes up to 25 times as much memory.
MAX_BODY = 8 * 2**20
# Up to this number, images are classified in the event loop: a thread would cost more time than it saves.
INLINE_IMAGES = 4
_SWITCH_SECONDS = 1e-4
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


class Answer(NamedTuple):
    """What a request gets, and what is recorded of it.

    Attributes:
        body: JSON: MLflow's `{"predictions": [[…10 probabilities…], …]}`, and before it the labels, `"digits": [7, …]`,
            and their names, `"classes": ["7", …]`.
        pixels: uint8 (n, side, side), as they were sent.
        probabilities: float32 (n, classes).
        milliseconds: that parsing and classifying took.
    """

    body: bytes
    pixels: np.ndarray
    probabilities: np.ndarray
    milliseconds: float


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
        self._number = model.number
        self.facts = Facts(model.title, model.sha256, self.side, tuple(self._class_names))
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

    def invocations(self, pixels: np.ndarray, started: float = 0.0) -> Answer:
        """Score images as MLflow's server does, and add the most probable class of each.

        Args:
            pixels: uint8 (n, side, side).
            started: when the request began, by `time.perf_counter`.
        """
        # The same numbers as from MLflow's `invocations`, which takes more time than the model.
        probabilities = self._classifier(pixels)
        predictions = probabilities.tolist()
        digits = [row.index(max(row)) for row in predictions]
        names = [self._class_names[digit] for digit in digits]
        body = orjson.dumps({"digits": digits, "classes": names, "predictions": predictions}) + b"\n"
        return Answer(body, pixels, probabilities, 1e3 * (time.perf_counter() - started))

    def record(self, answer: Answer, log: ServedLog, shadow: Shadow | None) -> None:
        """Log the images of an answer, and let the shadow read those that are logged."""
        _, pixels, probabilities, milliseconds = answer
        sure = (probabilities.max(axis=1) >= self._not_sure_below).tolist()
        ids = log.add(self.facts.sha256, self._number, pixels, probabilities, sure, milliseconds)
        if shadow and ids:
            shadow.offer(Batch(self.facts, ids, pixels, probabilities))


def guard(
    live: Live[ScoringModel], host: str = "127.0.0.1", log: ServedLog | None = None, shadow: Shadow | None = None
) -> App:
    """The ASGI application: MLflow's server of the current model, behind checks that it does not make itself.

    Args:
        live: the model. It may change between requests, but not within one.
        host: the address that the server listens on.
        log: takes a row for each image that is answered.
        shadow: reads what is logged.
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
                answer = await _score(model, body)
                await send_response(send, 200, answer.body, model.headers)
                # Nobody waits for this.
                if log:
                    model.record(answer, log, shadow)
            elif path == "/example":
                await send_response(send, 200, model.example, model.headers)
            elif path == "/model":
                about = model.about | ({"shadow": shadow.counts()} if shadow else {})
                text = orjson.dumps(about, option=orjson.OPT_INDENT_2) + b"\n"
                await send_response(send, 200, text, model.headers)
            else:
                await model.app(scope, receive, send)
        except RequestError as error:
            allow = [(b"allow", ENDPOINTS[path].encode())] if error.status == 405 else []
            await send_refusal(send, error, model.headers + allow)
        except ClientGoneError:
            return

    return app


async def _score(model: ScoringModel, body: bytes) -> Answer:
    started = time.perf_counter()
    # A large body is parsed and scored in a thread, so that the server answers other requests meanwhile.
    if len(body) > INLINE_IMAGES * model.side**2 * 5:
        return await asyncio.to_thread(lambda: model.invocations(parse_pixels(body, model.side), started))
    return model.invocations(parse_pixels(body, model.side), started)


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
    open_shadow: Callable[[Facts], Shadow] | None = None,
) -> None:
    """Serve a model until SIGTERM or Ctrl-C, and change to another when its name comes to mean another.

    Args:
        resolve: finds the model that the name means now.
        host: the address to listen on.
        port: 0 for any free port.
        refresh: seconds between two calls of `resolve`.
        open_log: opens the log of what is served.
        open_shadow: starts the shadow of a model. It needs the log.

    Raises:
        DigitsError: the port is taken, a model is missing or cannot be loaded, the log cannot be written, or the shadow
            is not for the same images and classes.
    """
    from digits.serving.follow import Live
    from digits.serving.shadow import in_words
    from digits.tracking.settings import use_mlflow

    sock = listen(host, port)
    # Requests would wait 5 ms for Python's lock whenever a thread logs rows or looks for a new champion.
    sys.setswitchinterval(_SWITCH_SECONDS)
    use_mlflow()
    live = Live(resolve, ScoringModel)
    live.watch(refresh)
    log = shadow = None
    with ExitStack() as stack:
        if open_log:
            log = open_log()
            stack.callback(log.close)
        if open_shadow:
            shadow = open_shadow(live.current.facts)
            stack.callback(shadow.close)
        run(guard(live, host, log, shadow), sock, lambda: _greet(live, address(sock), refresh, log, shadow))
    if shadow:
        print(in_words(shadow.counts()))
    print("Stopped.")


def _greet(live: Live[ScoringModel], url: str, refresh: float, log: ServedLog | None, shadow: Shadow | None) -> None:
    from digits.serving.follow import describe

    kept = log.notice if log else ""
    shadowed = f"{shadow.counts()['name']} reads it after that, as a shadow.\n" if shadow else ""
    print(
        f"Serving {describe(live.model)} on {url}\n"
        f"Try it (the picture of a 7):\n\n"
        f"  curl -s {url}/example | curl -s {url}/invocations -H 'Content-Type: application/json' -d @-\n\n"
        f"Send {what_to_send(live.current.side)}.\n"
        f"{url}/model names the model. A new one is picked up within about {refresh:g} seconds;\n"
        f"requests under way finish on the old one. {kept}{shadowed}"
        "Ctrl-C stops once they are finished.",
        flush=True,
    )

"""`digits serve`: MLflow's scoring server on this machine, with a guard in front that lets raw pixels alone through.

MLflow casts whatever it is sent to the signature's uint8, so pixels divided by 255 would all become 0 and get an
answer with status 200. The guard refuses them, and everything else that is not what the model was trained on, with one
sentence that says what to send; then MLflow's own `scoring_server.invocations` scores the request. Its other endpoints
(/ping, /health, /version) are MLflow's application, untouched.
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from digits.web import (
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

if TYPE_CHECKING:
    from digits.inference import Classifier
    from digits.live import Live
    from digits.registry import ResolvedModel
    from digits.web import App, Receive, Scope, Send

# About 2,900 images as JSON without spaces. Parsed, such a body takes up to 25 times as much memory.
MAX_BODY = 8 * 2**20
# So few images are classified between two turns of the event loop: a thread's start costs more than it frees.
INLINE_IMAGES = 4
WHAT_TO_SEND = '{"inputs": [image, …]}, each image 28 rows of 28 integers from 0 (paper) to 255 (ink)'
ENDPOINTS = {"/invocations": "POST", "/model": "GET", "/ping": "GET", "/health": "GET", "/version": "GET"}


# The first image of MNIST's test set.
EXAMPLE = Path(__file__).with_name("static") / "seven.json"


class PixelModel:
    """The pyfunc model that MLflow's server calls: a traced function where MLflow's own Keras flavour costs 70 ms."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    def predict(self, model_input: np.ndarray, params: dict[str, Any] | None = None) -> np.ndarray:
        """Probabilities float32 (n, classes) of raw pixels uint8 (n, 28, 28); there are no `params`."""
        return self._classifier(model_input)


class ScoringModel:
    """One loaded model with MLflow's server around it. A new champion is a new one of these."""

    def __init__(self, model: ResolvedModel) -> None:
        """Load a model and answer one request, so that the first real one is as fast as the others.

        Raises:
            DigitsError: the file is missing or not a Keras model.
        """
        from mlflow.models import Model, ModelSignature
        from mlflow.pyfunc import PyFuncModel
        from mlflow.pyfunc.scoring_server import init
        from mlflow.types import Schema, TensorSpec

        from digits.inference import Classifier
        from digits.live import test_accuracy

        # Handing so little work as one image to a second thread costs twice what it saves.
        classifier = Classifier(model.path, threads=1)
        self.side = classifier.side
        blank = np.zeros((1, self.side, self.side), np.uint8)
        classes = classifier(blank).shape[1]
        signature = ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, self.side, self.side))]),
            outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, classes))]),
        )
        # MLflow asks for a flavour; the loader is never called, as the model is loaded already.
        flavour = {"python_function": {"loader_module": "digits.serving"}}
        self._pyfunc = PyFuncModel(Model(signature=signature, flavors=flavour), PixelModel(classifier))
        self.app: App = init(self._pyfunc)
        version = f"{model.name}/{model.version}" if model.version else model.path.name
        self.headers = [
            (b"model-version", version.encode("ascii", "replace")),
            (b"model-sha256", model.sha256.encode("ascii")),
        ]
        self.about = {
            "name": model.name,
            "version": model.version,
            "uri": model.uri,
            "sha256": model.sha256,
            "test_accuracy": test_accuracy(model),
            "send": WHAT_TO_SEND.replace("28", str(self.side)),
        }
        self.invocations(blank)

    def invocations(self, pixels: np.ndarray) -> bytes:
        """Score through MLflow's server and name the most probable digit of each image beside its probabilities.

        Args:
            pixels: uint8 (n, 28, 28).

        Returns:
            JSON: MLflow's `{"predictions": [[…10 probabilities…], …]}` with `"digits": [7, …]` in front.
        """
        from mlflow.pyfunc.scoring_server import invocations

        # Without a schema MLflow takes the array as it is; with one it would insist on lists, and copy them deeply.
        # The model's own signature is enforced all the same.
        result = invocations({"inputs": pixels}, "application/json", self._pyfunc, None)
        predictions = orjson.loads(result.response)["predictions"]
        digits = [row.index(max(row)) for row in predictions]
        return orjson.dumps({"digits": digits, "predictions": predictions}) + b"\n"


def parse_pixels(body: bytes, side: int = 28) -> np.ndarray:
    """Read the JSON body of a request: `{"inputs": …}` or `{"instances": …}`, nothing converted.

    Args:
        body: UTF-8.
        side: height and width of an image in pixels.

    Returns:
        uint8 (n, side, side), n ≥ 1.

    Raises:
        RequestError: 400, anything else. The sentence says what was wrong and what to send.
    """
    images = _images(body, side)
    rows = list(chain.from_iterable(_checked_rows(images, side)))
    for i, row in enumerate(rows):
        if type(row) is not list or len(row) != side:
            what = f"has {len(row)} values" if type(row) is list else f"is {_short(row)}"
            raise _bad(f"Image {i // side}, row {i % side} {what} where {side} integers are expected", side)
    try:
        # Takes integers from 0 to 255 and nothing else; of JSON's other values only true and false pass for integers.
        flat = bytes(chain.from_iterable(rows))
    except (TypeError, ValueError):
        raise _bad_pixel(rows, side) from None
    if b"true" in body or b"false" in body:
        raise _bad_pixel(rows, side)
    return np.frombuffer(flat, np.uint8).reshape(len(images), side, side)


def _images(body: bytes, side: int) -> list[Any]:
    if not body.strip():
        raise _bad("The body is empty", side)
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _bad(f"The body is not valid JSON ({error})", side) from None
    if type(payload) is not dict:
        raise _bad(f"The body is {_short(payload)}, not a JSON object", side)
    keys = sorted(payload)
    if any(key.startswith("dataframe_") for key in keys):
        raise _bad("Data frames have no place for images", side)
    if keys not in (["inputs"], ["instances"]):
        named = ", ".join(_short(key) for key in keys[:5]) or "no key"
        raise _bad(f'The body has {named} where the one key "inputs" (or "instances") is expected', side)
    images = payload[keys[0]]
    if type(images) is not list or not images:
        raise _bad(f'"{keys[0]}" is {_short(images)} where a list of images is expected', side)
    return images


def _checked_rows(images: list[Any], side: int) -> list[list[Any]]:
    if len(images) == side and all(type(row) is list and row and type(row[0]) is not list for row in images):
        raise _bad("A single image stands in a list, too: put one more pair of brackets around it", side)
    for i, image in enumerate(images):
        if type(image) is not list or len(image) != side:
            what = f"has {len(image)} rows" if type(image) is list else f"is {_short(image)}"
            raise _bad(f"Image {i} {what} where {side} rows are expected", side)
    return images


def _bad_pixel(rows: list[list[Any]], side: int) -> RequestError:
    """Name the first value that is not an integer from 0 to 255."""
    for i, row in enumerate(rows):
        for column, value in enumerate(row):
            if type(value) is int and 0 <= value <= 255:
                continue
            place = f"Image {i // side}, row {i % side}, column {column} is {_short(value)}"
            numbers = (each for each in chain.from_iterable(rows) if isinstance(each, int | float))
            if type(value) is float and 0 <= value <= max(numbers) <= 1:
                return _bad(f"{place}: pixels must not be scaled to 0…1", side)
            return _bad(place, side)
    raise AssertionError("called without a bad pixel")


def _bad(problem: str, side: int) -> RequestError:
    return RequestError(400, f"{problem}: send {WHAT_TO_SEND.replace('28', str(side))}.")


def _short(value: Any) -> str:
    """A JSON value in at most 40 characters. Lists and objects may be deep or huge, so they are only named."""
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, dict):
        return "an object"
    text = orjson.dumps(value[:40] if isinstance(value, str) else value).decode()
    return text if len(text) <= 40 else text[:39] + "…"


def guard(live: Live[ScoringModel], host: str = "127.0.0.1") -> App:
    """The ASGI application: MLflow's server of the current model behind the checks that it lacks.

    Args:
        live: the model, which may change between requests; each is answered by one model alone.
        host: the address the server listens on.
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
                # The answer's body is left out by uvicorn.
                scope = {**scope, "method": "GET"}
            elif method != ENDPOINTS[path]:
                raise RequestError(405, f"{path} takes {ENDPOINTS[path]}, not {method[:20]}.")
            if path == "/invocations":
                _check_content(scope, model.side)
                await send_response(send, 200, await _score(model, body), model.headers)
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


async def _score(model: ScoringModel, body: bytes) -> bytes:
    # Large bodies are parsed in a thread, so that others are answered meanwhile.
    if len(body) > INLINE_IMAGES * model.side**2 * 5:
        return await asyncio.to_thread(lambda: model.invocations(parse_pixels(body, model.side)))
    return model.invocations(parse_pixels(body, model.side))


def _check_content(scope: Scope, side: int) -> None:
    kind, _, parameters = header(scope, b"content-type").lower().partition(";")
    if kind.strip() != "application/json":
        got = f"not {kind.strip()[:60]}" if kind.strip() else "which the request does not state"
        raise RequestError(415, f"The Content-Type must be application/json, {got}.")
    if parameters.strip().replace('"', "") not in ("", "charset=utf-8"):
        raise RequestError(415, f"JSON is UTF-8: send Content-Type: application/json without{parameters[:60]}.")
    if header(scope, b"content-encoding").lower() not in ("", "identity"):
        raise RequestError(415, "Compressed bodies are not read: send the JSON as it is, without Content-Encoding.")


def serve(resolve: Callable[[], ResolvedModel], host: str, port: int, refresh: float) -> None:
    """Serve a model until SIGTERM or Ctrl-C, following it when its URI comes to mean another.

    Args:
        resolve: finds the model.
        host: address to listen on.
        port: 0 for any free one.
        refresh: seconds between two looks at the registry.

    Raises:
        DigitsError: the port is taken, the model is missing or cannot be loaded.
    """
    from digits.live import Live, describe

    sock = listen(host, port)
    # MLflow's own request log and its hint about a missing run id say nothing to whoever started this.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    live = Live(resolve, ScoringModel)
    live.watch(refresh)

    def ready() -> None:
        url = address(sock)
        example = os.path.relpath(EXAMPLE) if EXAMPLE.is_relative_to(Path.cwd()) else str(EXAMPLE)
        print(
            f"Serving {describe(live.model)} on {url}\n"
            f"Try it (the picture of a 7):\n\n"
            f"  curl -s {url}/invocations -H 'Content-Type: application/json' -d @{shlex.quote(example)}\n\n"
            f"Send {WHAT_TO_SEND.replace('28', str(live.current.side))}.\n"
            f"{url}/model names the model. A new one is picked up within about {refresh:g} seconds;\n"
            f"requests under way finish on the old one. Ctrl-C stops once they are finished.",
            flush=True,
        )

    run(guard(live, host), sock, ready)
    print("Stopped.")

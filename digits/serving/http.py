"""The parts that the two local servers share: a socket, bodies of limited size, refusals, and a graceful stop."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from digits.errors import DigitsError, Terminated

if TYPE_CHECKING:
    # The names of the ASGI specification, https://asgi.readthedocs.io/en/latest/specs/www.html
    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

# A body must arrive within this time.
BODY_SECONDS = 30
# When the server is asked to stop, it first waits this long for requests that clients have sent on open connections.
LAST_REQUESTS_SECONDS = 0.5
# Then it waits this long for requests under way to finish.
STOP_SECONDS = 10
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class RequestError(Exception):
    """A request is refused. It has an HTTP status of 4xx and a message of one sentence that says what to send."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete, so there is nobody to answer."""


def header(scope: Scope, name: bytes) -> str:
    """The value of a request header, or an empty string. `name` is in lower case, as ASGI has it."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Read a whole body, and keep at most `limit` bytes of it in memory.

    Raises:
        RequestError: 413, it is larger; 408, it did not arrive within `BODY_SECONDS`.
        ClientGoneError: the connection was closed.
    """
    length = header(scope, b"content-length")
    too_large = RequestError(413, f"The body may have {limit // 2**20} MiB at most: send fewer or smaller images.")
    if length.isdecimal() and int(length) > limit and header(scope, b"expect"):
        # A client that sends `Expect`, such as curl, waits for an answer before it sends the body.
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                part = message.get("body", b"")
                size += len(part)
                # A body that is too large is read to its end: a client whose connection closes while it sends reports
                # a broken connection instead of the refusal.
                if size <= limit:
                    parts.append(part)
                else:
                    parts.clear()
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise RequestError(408, f"The body did not arrive within {BODY_SECONDS} seconds: send it again.") from None
    if size > limit:
        raise too_large
    return b"".join(parts)


async def send_response(
    send: Send,
    status: int,
    body: bytes,
    headers: list[tuple[bytes, bytes]],
    content_type: bytes = b"application/json",
) -> None:
    """Send a complete response."""
    fixed = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": fixed + headers})
    await send({"type": "http.response.body", "body": body})


async def send_refusal(send: Send, error: RequestError, headers: list[tuple[bytes, bytes]]) -> None:
    """Send a refusal: `{"error": "one sentence"}`."""
    body = json.dumps({"error": str(error)}, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
    if error.status in (408, 413):
        # The rest of the body may still arrive, so this connection cannot serve another request.
        headers = [*headers, (b"connection", b"close")]
    await send_response(send, error.status, body, headers)


def check_host(scope: Scope, host: str) -> None:
    """Refuse a request whose Host header has a foreign name.

    A web site can let its own name mean 127.0.0.1 ("DNS rebinding"), and its pages could then read our answers. The
    browser states the site's name as Host.

    Args:
        scope: of the request.
        host: the address that the server listens on. If it is not a loopback address, its names are not known, and
            any name is accepted.

    Raises:
        RequestError: 421.
    """
    if host not in LOOPBACK:
        return
    name = header(scope, b"host").rsplit(":", 1)[0].strip("[]").lower()
    if name not in LOOPBACK:
        raise RequestError(421, f"This server answers to {host} or localhost only: use that name in the address.")


def listen(host: str, port: int) -> socket.socket:
    """Listen on a port, which is known to be free before anything slow is loaded.

    Args:
        host: an address of this machine.
        port: 0 for any free port.

    Raises:
        DigitsError: the port is taken or not allowed, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Nagle's algorithm costs 40 ms an answer. Asyncio turns it off only on sockets that name their protocol.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise DigitsError(
                f"port {port} of {host} is taken: stop what listens there, or choose another with --port"
            ) from None
        if error.errno == errno.EACCES:
            raise DigitsError(f"port {port} of {host} needs administrator's rights: choose one above 1023") from None
        raise DigitsError(f"cannot listen on --host {host}: {error.strerror or error}") from None
    return sock


def address(sock: socket.socket) -> str:
    """The URL of a socket, such as `http://127.0.0.1:5001`."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: App, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C. Requests under way are finished first.

    Args:
        app: the ASGI application.
        sock: from `listen`.
        ready: called when the server begins to answer requests.
    """
    import uvicorn

    class Server(uvicorn.Server):
        closing = False

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Uvicorn would close idle connections at once, even where a client is sending its next request.
            for listener in self.servers:
                listener.close()
            # Only now: a client that reads `Connection: close` connects anew. A closed listener refuses it at once,
            # an open one would leave it waiting.
            self.closing = True
            await asyncio.sleep(LAST_REQUESTS_SECONDS)
            await super().shutdown(sockets)

    async def closing_app(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_closing(message: Message) -> None:
            if server.closing and message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        await app(scope, receive, send_closing)

    config = uvicorn.Config(
        closing_app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = Server(config)
    try:
        server.run(sockets=[sock])
    except (KeyboardInterrupt, Terminated):
        # Uvicorn has stopped in good order, and then raises the signal again.
        return

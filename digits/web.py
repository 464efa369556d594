"""What the two local servers share: a socket, bounded bodies, one-sentence refusals, a graceful end."""

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

# A body that is not complete by then never will be.
BODY_SECONDS = 30
# Requests under way get this long to finish when the server is asked to stop.
STOP_SECONDS = 10
# Before, those that are on their way on open connections get this long to arrive.
LAST_REQUESTS_SECONDS = 0.5
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class RequestError(Exception):
    """A request that is refused: an HTTP status of 4xx and one sentence that says what to send."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete: there is nobody to answer."""


def header(scope: Scope, name: bytes) -> str:
    """A request header's value, or an empty string. ASGI gives names in lower case."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Read a whole body, but keep no more than `limit` bytes of it in memory.

    Raises:
        RequestError: 413, it is larger; 408, it did not arrive within `BODY_SECONDS`.
        ClientGoneError: the connection was closed.
    """
    length = header(scope, b"content-length")
    too_large = RequestError(413, f"The body may have {limit // 2**20} MiB at most: send fewer or smaller images.")
    if length.isdecimal() and int(length) > limit and header(scope, b"expect"):
        # The client (curl, for one) waits for leave to send it: refuse at once.
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
                # What is too much is still taken from the line: closing it under a client that sends would show
                # there as a broken connection instead of the refusal.
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
        # The rest of the body may still be on its way: this connection cannot carry another request.
        headers = [*headers, (b"connection", b"close")]
    await send_response(send, error.status, body, headers)


def check_host(scope: Scope, host: str) -> None:
    """Refuse requests under a foreign name.

    A web page elsewhere can point its own name at 127.0.0.1 ("DNS rebinding") and then read what we answer; the name
    that the browser states gives it away.

    Args:
        scope: of the request.
        host: the address the server listens on. Beyond loopback its names are not known, and any is accepted.

    Raises:
        RequestError: 421.
    """
    if host not in LOOPBACK:
        return
    name = header(scope, b"host").rsplit(":", 1)[0].strip("[]").lower()
    if name not in LOOPBACK:
        raise RequestError(421, f"This server answers to {host} or localhost only: use that name in the address.")


def listen(host: str, port: int) -> socket.socket:
    """Take a port before anything slow is loaded.

    Args:
        host: an address of this machine.
        port: 0 for any free one.

    Raises:
        DigitsError: the port is taken, not allowed, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol must be named: asyncio turns off Nagle's algorithm, 40 ms an answer, on such sockets alone.
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
    """`http://127.0.0.1:5001` for a socket."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: App, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are finished first.

    Args:
        app: the ASGI application.
        sock: from `listen`.
        ready: called once requests are answered.
    """
    import uvicorn

    class Server(uvicorn.Server):
        closing = False

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Uvicorn closes idle connections at once, also under a client that is just sending its next request.
            for listener in self.servers:
                listener.close()
            # Not before: who is told so connects anew, and must then be refused, not left in the backlog.
            self.closing = True
            await asyncio.sleep(LAST_REQUESTS_SECONDS)
            await super().shutdown(sockets)

    async def last_answer_says_so(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_closing(message: Message) -> None:
            if server.closing and message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        await app(scope, receive, send_closing)

    config = uvicorn.Config(
        last_answer_says_so,
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
        # Uvicorn raises the signal again once it has stopped in good order, which is all that was asked for.
        return

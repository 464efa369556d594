"""What the pages of this project share: they load nothing from elsewhere, and no other site reaches their server."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from digits.serving.http import ClientGoneError, RequestError, check_host, send_refusal

if TYPE_CHECKING:
    from digits.serving.http import App, Message, Receive, Scope, Send


def page_app(file: Path, addresses: str) -> FastAPI:
    """An application with one page, which answers what goes wrong with a sentence.

    Args:
        file: the page, HTML.
        addresses: all that the application has in the end, such as "GET / and POST /read".
    """
    # FastAPI's documentation pages load scripts from other hosts.
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    page = file.read_text(encoding="utf-8")
    policy = content_policy(page)

    @app.get("/")
    async def show_page() -> HTMLResponse:
        return HTMLResponse(page, headers={"content-security-policy": policy})

    @app.exception_handler(RequestError)
    async def refuse(request: Request, error: RequestError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, error.status)

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def no_such_page(request: Request, error: HTTPException) -> JSONResponse:
        sentence = f"This server has {addresses} only."
        return JSONResponse({"error": sentence}, error.status_code, error.headers)

    @app.exception_handler(ClientGoneError)
    async def nobody_listens(request: Request, error: ClientGoneError) -> Response:
        return Response(status_code=400)

    return app


def guard(app: App, host: str = "127.0.0.1") -> App:
    """Refuse requests with a foreign name, and add the headers that tell the browser not to guess, refer or store.

    Args:
        app: from `build_app`.
        host: the address that the server listens on.
    """
    fixed = [
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"no-store"),
    ]

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_fixed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *fixed]
            await send(message)

        try:
            check_host(scope, host)
        except RequestError as error:
            await send_refusal(send_fixed, error, [])
        else:
            await app(scope, receive, send_fixed)

    return guarded


def content_policy(page: str) -> str:
    """A Content-Security-Policy that allows the page's own style and script, and nothing from elsewhere.

    Args:
        page: HTML with inline `<style>` and `<script>` elements; the policy names the hash of each.
    """

    def hashes(tag: str) -> str:
        inline = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in inline)

    return (
        f"default-src 'none'; style-src {hashes('style')}; script-src {hashes('script')}; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

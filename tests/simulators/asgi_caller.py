"""Calls an application in this thread, one request at a time, with the bytes that a fuzzer chose."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import requests
from schemathesis import Response
from starlette.types import ASGIApp

HOST = "localhost"


class AsgiCaller:
    """Sends prepared requests to an application that stays in one event loop."""

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop

    def send(self, **described: Any) -> Response:
        """Send what `requests.Request` would send."""
        request = requests.Request(**described).prepare()
        return self._loop.run_until_complete(self._answered(request))

    async def _answered(self, request: requests.PreparedRequest) -> Response:
        where = urlsplit(str(request.url))
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else bytes(body)
        sent = [(b"host", HOST.encode())]
        sent += [(_raw(name).lower(), _raw(value)) for name, value in request.headers.items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": unquote_to_bytes(where.path).decode("utf-8", "replace"),
            "raw_path": where.path.encode(),
            "query_string": where.query.encode(),
            "root_path": "",
            "headers": [pair for pair in sent if pair[0] != b"host" or pair[1] == HOST.encode()],
            "client": ("127.0.0.1", 50_000),
            "server": (HOST, 80),
            "state": {},
        }
        told: list[Any] = []
        waits = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> Any:
            if waits:
                return waits.pop()
            return await asyncio.Event().wait()

        async def send(message: Any) -> None:
            told.append(message)

        await self._app(scope, receive, send)  # type: ignore[arg-type]
        start = next(message for message in told if message["type"] == "http.response.start")
        headers: dict[str, list[str]] = {}
        for name, value in start["headers"]:
            headers.setdefault(name.decode(), []).append(value.decode("latin-1"))
        parts = [message.get("body", b"") for message in told if message["type"] == "http.response.body"]
        return Response(
            status_code=start["status"],
            headers=headers,
            content=b"".join(parts),
            request=request,
            elapsed=0.0,
            verify=False,
        )


def _raw(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1", "replace")


@contextmanager
def calling(app: ASGIApp) -> Generator[AsgiCaller]:
    """Run an application's lifespan around its requests, in an event loop of its own."""
    loop = asyncio.new_event_loop()
    lifespan = app.router.lifespan_context(app)  # type: ignore[attr-defined]
    loop.run_until_complete(lifespan.__aenter__())
    try:
        yield AsgiCaller(app, loop)
    finally:
        loop.run_until_complete(lifespan.__aexit__(None, None, None))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

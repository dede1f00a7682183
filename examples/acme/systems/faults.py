"""Failures on demand, for whoever wants to see how a caller bears them: the header X-Fault, with `--faults` only.

Every fault comes after the request was handled, so what it did is committed: the caller cannot know.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from problems import Problem
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KINDS = ("hang", "crash", "huge", "wrong-type", "wrong-shape", "drop")
HANG_SECONDS = 60
CHUNK, CHUNKS = b"x" * 1_000_000, 100


class Faults:
    """Handles a request, then fails in the way that its header asks for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = Headers(scope=scope).get("x-fault") if scope["type"] == "http" else None
        if kind is None:
            return await self._app(scope, receive, send)
        if kind not in KINDS:
            problem = Problem(400, "bad-fault", "There is no such fault.", f"Use one of {', '.join(KINDS)}.")
            return await problem.response()(scope, receive, send)
        reply: list[Message] = []

        async def keep(message: Message) -> None:
            reply.append(message)

        await self._app(scope, receive, keep)
        await _fail(kind, reply, receive, send)


async def _fail(kind: str, reply: list[Message], receive: Receive, send: Any) -> None:
    status = reply[0]["status"]
    if kind == "crash":
        os._exit(1)
    elif kind == "drop":
        # ASGI has no word for closing a connection without a reply; uvicorn's own `send` knows its transport.
        send.__self__.transport.abort()
        while (await receive())["type"] != "http.disconnect":
            continue
    elif kind == "huge":
        await send(
            {"type": "http.response.start", "status": status, "headers": [_typed(b"application/json")]}
        )
        await send({"type": "http.response.body", "body": b'{"padding": "', "more_body": True})
        for _ in range(CHUNKS):
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
        await send({"type": "http.response.body", "body": b'"}'})
    elif kind == "wrong-type":
        await _instead(send, status, b"text/html", b"<html><body>Please sign in.</body></html>")
    elif kind == "wrong-shape":
        await _instead(send, status, b"application/json", b'["unexpected"]')
    else:
        await asyncio.sleep(HANG_SECONDS)
        for message in reply:
            await send(message)


async def _instead(send: Send, status: int, kind: bytes, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [_typed(kind)]})
    await send({"type": "http.response.body", "body": body})


def _typed(kind: bytes) -> tuple[bytes, bytes]:
    return (b"content-type", kind)

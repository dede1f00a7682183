"""What every request passes before any route sees it: size, one of each header, the token, and the token's first use."""

from __future__ import annotations

import sqlite3

from auth import Tokens, digest, refused
from clock import Clock
from problems import Problem, unavailable
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from store import Store

MAX_BODY = 64 * 1024
OPEN = ("GET", "/openapi.json")
"""The one thing that needs no token: how to ask for all others."""
SINGLE = ("authorization", "content-length", "content-type", "idempotency-key", "if-match")


class Gate:
    """Lets a request through with `claims` in its state, or answers it with a problem."""

    def __init__(self, app: ASGIApp, tokens: Tokens, store: Store, clock: Clock) -> None:
        self._app, self._tokens, self._store, self._clock = app, tokens, store, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["method"], scope["path"]) != OPEN:
            try:
                receive = await self._authenticated(scope, receive)
            except Problem as problem:
                return await problem.response()(scope, receive, send)
            except sqlite3.Error:
                return await unavailable().response()(scope, receive, send)
        await self._app(scope, receive, send)

    async def _authenticated(self, scope: Scope, receive: Receive) -> Receive:
        headers = Headers(scope=scope)
        for name in SINGLE:
            if len(headers.getlist(name)) > 1:
                raise Problem(400, "repeated-header", f"The header {name} was sent more than once.")
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        claims = self._tokens.check(
            headers.get("authorization", ""), scope["method"], target.decode("latin-1"), self._clock.now()
        )
        body = await _whole(receive)
        if digest(body) != claims.body_digest:
            raise refused("bsh", "The claim bsh is not the SHA-256 of the body that was sent.")
        now = self._clock.now()
        if not await run_in_threadpool(self._store.use_token, claims.issuer, claims.jti, claims.expires, now):
            raise refused("jti", "This token was used before; each is good for one call.")
        scope.setdefault("state", {})["claims"] = claims
        return _replayed(body, receive)


async def _whole(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "cut-off", "The request ended before its body did.")
        parts.append(message.get("body", b""))
        if sum(map(len, parts)) > MAX_BODY:
            raise Problem(413, "too-large", "The body is larger than 64 KiB.")
        if not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again

"""The edge of the server: proxies, host names, body size, security headers, and how an unforeseen failure looks.

Invariants:
- every response carries the security headers, errors included;
- a request for another host name, or with a larger body, reaches no route;
- nothing that a request or an exception says is written to the server's log.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muniment.foundation.telemetry.log_lines import Word
from muniment.interfaces.forwarded import Proxies
from muniment.interfaces.problems import plain_problem

LONGEST_BODY = 64 << 10
"""Bytes of a request body."""
DEEPEST_JSON = 32
"""Arrays and objects within each other in a request body."""
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""Gives nothing back, so that no body makes it slow."""
_NOT_NESTING = bytes(set(range(256)) - set(b"[]{}"))

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_HTTPS_ONLY = {"strict-transport-security": "max-age=31536000"}
_LOG = logging.getLogger("muniment.http")
Plain = Callable[[Scope, int], Response]
"""Answers a request with a bare HTTP status."""


def _problem(_scope: Scope, status: int) -> Response:
    return plain_problem(status)


class Boundary:
    """Stands between the outside and an application."""

    def __init__(
        self,
        app: ASGIApp,
        hosts: frozenset[str],
        proxies: Proxies,
        longest_body: int = LONGEST_BODY,
        larger: Mapping[str, int] | None = None,
        deepest_json: int = DEEPEST_JSON,
        plain: Plain = _problem,
    ) -> None:
        """`larger` bodies are taken at and below some paths; `plain` answers a request that reaches no route."""
        self._app = app
        self._proxies = proxies
        self._hosts = frozenset(host.lower() for host in hosts)
        self._longest = longest_body
        self._larger = larger or {}
        self._plain = plain
        self._deepest = deepest_json

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        scope, ready = self._proxies.believed(scope)
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(message, scope["scheme"])
            await send(message)

        longest = self._longest_at(scope["path"])
        headers = Headers(scope=scope)
        status = self._refusal(headers, longest) if ready else 403
        try:
            if status is None:
                json = "json" in headers.get("content-type", "")
                await self._app(scope, self._counted(receive, longest, json), guarded)
                return
        except Exception as error:
            if started:
                raise
            status = 500
            frames = [
                f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-6:]
            ]
            _LOG.error("unhandled %s in %s", Word(type(error).__name__), Word(" > ".join(frames)))
        await self._plain(scope, status)(scope, receive, guarded)

    def _longest_at(self, path: str) -> int:
        return next(
            (most for above, most in self._larger.items() if path == above or path.startswith(above + "/")),
            self._longest,
        )

    def _refusal(self, headers: Headers, longest: int) -> int | None:
        named = headers.getlist("host")
        if len(named) != 1 or host_name(named[0]) not in self._hosts:
            return 421
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            return 400
        return 413 if int(length) > longest else None

    def _counted(self, receive: Receive, longest: int, json: bool) -> Receive:
        taken = bytearray()

        async def counted() -> Message:
            message = await receive()
            taken.extend(message.get("body", b""))
            if len(taken) > longest:
                raise HTTPException(413)
            whole = json and not message.get("more_body", False)
            if (
                whole
                and taken.count(b"[") + taken.count(b"{") > self._deepest
                and depth(taken) > self._deepest
            ):
                raise HTTPException(422)
            return message

        return counted


def depth(body: bytes | bytearray) -> int:
    """Return how deep the brackets of JSON are nested, those in its strings aside."""
    deepest = now = 0
    for bracket in _STRING.sub(b"", body).translate(None, _NOT_NESTING):
        now += 1 if bracket in b"[{" else -1
        deepest = max(deepest, now)
    return deepest


def host_name(host: str) -> str:
    """Return the name of a Host header without its port, in lower case."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isascii() and port.isdigit() else host).lower()


def _add_headers(message: Message, scheme: str) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in HEADERS.items():
        headers[name] = value
    if scheme == "https":
        headers.update(_HTTPS_ONLY)
    headers.setdefault("cache-control", "no-store")

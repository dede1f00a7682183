"""Times each request and gives it a trace; what it counts by is the route's template, never the address asked for.

Invariants:
- a trace of a caller's is gone on with only where a trusted proxy says so: nobody else chooses its number or whether
  it is sampled;
- no address, header or body of a request is in what is counted or traced.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muniment.foundation.telemetry import tracing
from muniment.foundation.telemetry.instruments import SECONDS, Gauge, Histogram
from muniment.foundation.telemetry.labels import OTHER, Label
from muniment.foundation.telemetry.traceparent import ANSWERED, HEADER, Parent, read, written
from muniment.foundation.telemetry.tracing import Attribute, Trace, Value
from muniment.interfaces.forwarded import Proxies

ROUTE = Label("http.route", most=400)
METHOD = Label("http.request.method", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
STATUS = Label("http.response.status_code", *map(str, range(100, 600)))
REQUESTS = Histogram(
    "http.server.request.duration",
    "How long requests take, to the last byte of their answers.",
    ROUTE,
    METHOD,
    STATUS,
    unit="s",
    bounds=SECONDS,
)
UNDER_WAY = Gauge("muniment.requests.active", "Requests that are being answered.")
_ROUTE, _METHOD, _STATUS = (
    Attribute(ROUTE.name, ROUTE),
    Attribute(METHOD.name, METHOD),
    Attribute(STATUS.name),
)
NOT_ITS_OWN: TelemetryConfig = {
    "tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False,
}  # fmt: skip
"""The framework would tell a collector that the environment names of addresses, and of what errors say."""
_FOUND = "muniment.route"
"""Where a scope holds what is found out of its request."""
_BROKEN = 500


class Measured:
    """Stands before all else."""

    def __init__(self, app: ASGIApp, proxies: Proxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _FOUND in scope:
            await self._app(scope, receive, send)
            return
        found: dict[str, str] = {}
        trace, token = tracing.begin(self._parent(scope))
        answered = (ANSWERED.encode(), written(trace.id, trace.span, trace.sampled).encode())
        status = _BROKEN

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), answered]
            await send(message)

        UNDER_WAY.change(1)
        try:
            await self._app({**scope, _FOUND: found}, receive, told)
        finally:
            UNDER_WAY.change(-1)
            tracing.end(token)
            self._keep(trace, scope["method"], found.get("route", OTHER), status)

    def _parent(self, scope: Scope) -> Parent | None:
        said = [value for name, value in scope["headers"] if name == HEADER.encode()]
        peer = scope.get("client")
        if len(said) != 1 or peer is None or not self._proxies.trusts(peer[0]):
            return None
        return read(said[0].decode("latin-1"))

    @staticmethod
    def _keep(trace: Trace, method: str, route: str, status: int) -> None:
        REQUESTS.observe((time.perf_counter_ns() - trace.began) / 1e9, route, method, str(status))
        if not trace.sampled:
            return
        route, method = ROUTE.said(route), METHOD.said(method)
        said: dict[str, Value] = {
            _ROUTE.name: route,
            _METHOD.name: method,
            _STATUS.name: _STATUS.said(status),
        }
        error = str(status) if status >= _BROKEN else ""
        trace.keep(f"{method} {route}", "server", trace.began, said, error, trace.span)


class Routed:
    """Stands straight before the routes, and notes which one a request came to."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            found = scope.get(_FOUND)
            if found is not None:
                found["route"] = template_of(scope)


def template_of(scope: Scope) -> str:
    """Return the template of the route that a request came to; OTHER where it came to none."""
    path = getattr(scope.get("route"), "path", None)
    return f"{scope.get('root_path', '')}{path}" if isinstance(path, str) else OTHER


def admit(templates: Iterable[str]) -> None:
    """Let requests be counted by these templates."""
    ROUTE.admit(templates)


def templates(routes: Iterable[Any], above: str = "") -> Iterable[str]:
    """Yield the templates of an application's routes."""
    for route in routes:
        path = getattr(route, "path", "")
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        if inner is not None:
            yield from templates(inner.routes, above)
        elif path:
            yield above + path

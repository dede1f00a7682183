"""The server of several tenants: hands each request to the tenant that its credential names, which verifies it.

Invariants:
- no header, path, query or host name chooses a tenant for whoever comes with a credential;
- a credential that names no tenant of this server is the host's own to verify, so that a wrong name is refused as a
  wrong secret is;
- no tenant's requests take all threads, and nothing of a tenant but its models' weights is shared with another.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from muniment.app import Models
from muniment.foundation.errors import MunimentError, NotSetUp
from muniment.interfaces.boundary import Boundary
from muniment.interfaces.crew import ALONE, Crew
from muniment.interfaces.forwarded import Proxies
from muniment.interfaces.measured import Measured
from muniment.interfaces.offload import Offload
from muniment.interfaces.server import (
    SLOTS,
    STREAMS,
    create_server,
    host_names,
    kept,
    plain,
    refusal,
    reported,
    waiting,
)
from muniment.interfaces.tenant_hint import Hint, hint_of
from muniment.interfaces.web.rendering import render, say
from muniment.tenancy.roster import Roster, Tenant

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.foundation.telemetry.instruments import Read

_LARGEST_BODY = 65_536 << 10
"""No tenant takes larger ones; each has its own, lower limit."""
_DEEPEST_JSON = 200
_NO_LIMIT = 1 << 30
_READY = "/readyz"
_OF_THE_HOST = ("/healthz", "/metrics", "/static/")


class TenantServer:
    """One application before those of the tenants and that of the host's own workspace."""

    def __init__(
        self,
        own: Workspace,
        proxies: Proxies | None = None,
        models: Models | None = None,
        crew: Crew = ALONE,
    ) -> None:
        """Raises BadInput where two tenants could not be told apart by their tokens."""
        own.require_identity()
        self._workspace = own
        self._crew = crew
        self._threads = Offload(SLOTS, _NO_LIMIT, crew.portion(STREAMS))
        self._hosts = host_names(own)
        self._own = self._application("", own)
        self._opening: dict[str, CapacityLimiter] = {}
        self.roster: Roster[FastAPI] = Roster(own, self._application, kept, models)
        self._own.state.readings = self._readings
        proxies = proxies or Proxies(own.settings.network.proxies())
        boundary = Boundary(
            self._handed,
            hosts=self._hosts,
            proxies=proxies,
            longest_body=_LARGEST_BODY,
            deepest_json=_DEEPEST_JSON,
            plain=plain,
        )
        self._edge = Measured(boundary, proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._edge(scope, receive, send)

    def _application(self, name: str, workspace: Workspace) -> FastAPI:
        # What proxies say was believed, or not, before a request comes there.
        crew = self._crew
        threads = self._threads.part(name, waiting(workspace, crew), crew.in_hand(name))
        return create_server(workspace, threads, Proxies(), self._hosts, crew, name)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        with ExitStack() as stack:
            stack.enter_context(reported(self._workspace, self._readings, self._crew))
            stack.enter_context(kept(self._workspace))
            stack.enter_context(self.roster.running())
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _handed(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == _READY and scope["method"] in ("GET", "HEAD"):
            await self._ready()(scope, receive, send)
            return
        if path.startswith(_OF_THE_HOST):
            await self._own(scope, receive, send)
            return
        request = Request(scope)
        hint, receive = await hint_of(request, receive, self.roster.issuers.tenant_of)
        name = hint.tenant
        if hint.asks:
            found = hint.organisation if self._serves(hint.organisation) else None
            if found is None:
                response = await self._asked(request, hint)
                await response(scope, receive, send)
                return
            name = found
        tenant = None if name == self._workspace.keyring.tenant else self.roster.find(name)
        if tenant is None:
            await self._own(scope, receive, send)
        else:
            await self._to(tenant, scope, receive, send)

    async def _to(self, tenant: Tenant[FastAPI], scope: Scope, receive: Receive, send: Send) -> None:
        try:
            served = await self._taken(tenant)
        except MunimentError as error:
            await refusal(Request(scope), error)(scope, receive, send)
            return
        try:
            await served(scope, receive, send)
        finally:
            self.roster.give_back(tenant)

    async def _taken(self, tenant: Tenant[FastAPI]) -> FastAPI:
        """Return what serves a tenant; who waits for its key holds up nobody but its own callers."""
        served = self.roster.take(tenant)
        if served is None:
            limiter = self._opening.setdefault(tenant.name, CapacityLimiter(1))
            await to_thread.run_sync(self.roster.open, tenant, limiter=limiter)
            served = self.roster.take(tenant)
        if served is None:
            raise NotSetUp("It was closed again.")
        return served

    def _readings(self) -> list[Read]:
        """Return what is read for the metrics, of the host's own workspace and of the tenants that are open."""
        return [*self._workspace.readings(), *self.roster.each(lambda one: one.readings())]

    def _serves(self, name: str) -> bool:
        return name == self._workspace.keyring.tenant or self.roster.find(name) is not None

    async def _asked(self, request: Request, hint: Hint) -> Response:
        """Ask for the organisation; guesses count as credentials that do not hold."""
        state, limits = self._own.state, self._own.state.limits
        guessed = bool(hint.organisation)

        def counted() -> None:
            limits.check_stranger(request)
            if guessed:
                limits.failed(request)

        try:
            await to_thread.run_sync(counted, limiter=state.door)
        except MunimentError as error:
            return refusal(request, error)
        page = render(
            "signing_in/organisation.html",
            say("signin.title"),
            state="unknown" if guessed else "ask",
            organisation=hint.organisation[:64],
        )
        return HTMLResponse(page, 404 if guessed else 200)

    def _ready(self) -> Response:
        ready, known = self.roster.counts()
        body = {"status": "ok" if ready or not known else "unavailable", "ready": ready, "tenants": known}
        return JSONResponse(body, 200 if ready or not known else 503)

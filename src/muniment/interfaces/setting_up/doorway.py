"""One address for the first run and then for the server that it ends in."""

from __future__ import annotations

from contextlib import AsyncExitStack

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send


class Doorway:
    """Hands requests to the pages of the first run until there is a server to hand them to."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._opened = AsyncExitStack()

    def begin(self, app: ASGIApp) -> None:
        """Take the pages of the first run."""
        self._app = app

    async def open(self, app: FastAPI) -> None:
        """Let the server serve from the next request on; it ends with this process."""
        await self._opened.enter_async_context(app.router.lifespan_context(app))
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live as long as the process serves."""
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self._opened.aclose()
            await send({"type": "lifespan.shutdown.complete"})
        elif self._app is not None:
            await self._app(scope, receive, send)

"""A part of the server that is made when it is first called, so that servers which nobody calls so start sooner."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from anyio import to_thread
from fastapi import FastAPI
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send


class Lazily:
    """Stands for an application that is made once, at its first request."""

    def __init__(self, make: Callable[[], FastAPI]) -> None:
        self._make = make
        self._made: FastAPI | None = None
        self._turn = threading.Lock()

    @property
    def app(self) -> FastAPI:
        """Return the application."""
        with self._turn:
            if self._made is None:
                self._made = self._make()
            return self._made

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """Return its routes."""
        return self.app.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._made or await to_thread.run_sync(lambda: self.app)
        await app(scope, receive, send)

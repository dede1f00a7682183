"""The lock of the server: without a proof of the key, no request is taken up and no response is let out.

Invariants:
- the lease is checked before a request reaches a route, and again before the first byte of its response;
- what is let through without it tells nothing of the workspace: that the process lives, and the files of the pages.

Streams check once more before each of their parts, and every transaction of the database does so by itself.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muniment.foundation.errors import MunimentError

_ALIVE = "/healthz"
_FILES = "/static/"
Answer = Callable[[Request, MunimentError], Response]


class Locked:
    """Stands between the boundary and the routes."""

    def __init__(self, app: ASGIApp, check: Callable[[], None], answer: Answer) -> None:
        """`check` raises while the workspace may not be read; `answer` says so."""
        self._app = app
        self._check = check
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == _ALIVE or scope["path"].startswith(_FILES):
            await self._app(scope, receive, send)
            return
        refused = False

        async def let_out(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                error = self._closed()
                if error is not None:
                    refused = True
                    await self._answer(Request(scope), error)(scope, receive, send)
            if not refused:
                await send(message)

        error = self._closed()
        if error is not None:
            await self._answer(Request(scope), error)(scope, receive, send)
            return
        await self._app(scope, receive, let_out)

    def _closed(self) -> MunimentError | None:
        try:
            self._check()
        except MunimentError as error:
            return error
        return None

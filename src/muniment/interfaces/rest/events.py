"""Server-sent events: one JSON document per event, over a response that ends its source however it ends."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from muniment.foundation.errors import MunimentError, Unavailable
from muniment.interfaces.problems import problem_of

MEDIA_TYPE = "text/event-stream"
_LOST = Unavailable("The answer failed inside muniment; nothing more of it is given.")
LOOK_SECONDS = 1.0
"""How often a stream that has nothing to say looks whether it may go on."""
_BEAT = b": still here\n\n"
"""A comment: who reads tells a stream that has nothing to say from one that was lost, and so does who writes."""


class Encoded(Protocol):
    """One or more events."""

    def encoded(self) -> bytes:
        """Return them as they go over the wire."""
        ...


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """A named JSON document."""

    name: str
    body: Mapping[str, object]

    def encoded(self) -> bytes:
        """Return the event as it goes over the wire."""
        return f"event: {self.name}\ndata: {json.dumps(self.body, ensure_ascii=False)}\n\n".encode()


def failed(error: MunimentError) -> ServerEvent:
    """Return the event that tells of an error."""
    return ServerEvent("error", problem_of(error).model_dump())


class _Ended(Exception):
    """The stream was ended, and its reader told why."""


_Put = Callable[[bytes], Awaitable[None]]


class EventStream(Response):
    """Sends events as they come; a failure in the middle becomes what `told` makes of it, the last one.

    The source is closed when the client goes away, at the same moment.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self,
        events: AsyncGenerator[Encoded],
        first: Encoded,
        told: Callable[[MunimentError], Encoded] = failed,
        still: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """`still` raises a MunimentError once the stream may not go on; it then ends, whatever it waits for."""
        super().__init__(headers={"x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._first = first
        self._told = told
        self._still = still

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as group, aclosing(self._events):

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(watch)
            await self._send(send)
            group.cancel_scope.cancel()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

        async def put(event: bytes) -> None:
            await send({"type": "http.response.body", "body": event, "more_body": True})

        async def end(event: bytes = b"") -> None:
            await send({"type": "http.response.body", "body": event, "more_body": False})

        await put(self._first.encoded())
        try:
            while (event := await self._next(put, end)) is not None:
                await put(event.encoded())
        except _Ended:
            return
        except MunimentError as error:
            await put(self._told(error).encoded())
        except Exception:
            await put(self._told(_LOST).encoded())
        await end()

    async def _next(self, put: _Put, end: _Put) -> Encoded | None:
        """Return the next event, or None after the last; raises _Ended where the stream was ended meanwhile."""
        if self._still is None:
            return await anext(self._events, None)
        still, ended = self._still, False

        async def look() -> None:
            nonlocal ended
            while True:
                await anyio.sleep(LOOK_SECONDS)
                try:
                    await still()
                except Exception as error:
                    ended = True
                    told = error if isinstance(error, MunimentError) else _LOST
                    # A thread that works on the next event cannot be hurried: who reads is told before it is done.
                    await end(self._told(told).encoded())
                    waiting.cancel()
                    return
                await put(_BEAT)

        event: Encoded | None = None
        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(look)
            with anyio.CancelScope() as waiting:
                try:
                    event = await anext(self._events, None)
                except Exception as error:
                    # Out of the group it would come as one of several.
                    failure = error
            group.cancel_scope.cancel()
        if ended:
            raise _Ended
        if failure is not None:
            raise failure
        return event


async def opened(
    events: AsyncGenerator[Encoded],
    told: Callable[[MunimentError], Encoded] = failed,
    still: Callable[[], Awaitable[object]] | None = None,
) -> EventStream:
    """Return the response once its first event is there, so that an early error has its own status."""
    try:
        first = await anext(events)
    except BaseException:
        await events.aclose()
        raise
    return EventStream(events, first, told, still)

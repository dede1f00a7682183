"""Server-sent events: one JSON document per event, over a response that ends its source however it ends."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from muniment.foundation.errors import MunimentError, Unavailable
from muniment.interfaces.problems import problem_of

MEDIA_TYPE = "text/event-stream"


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
    ) -> None:
        super().__init__(headers={"x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._first = first
        self._told = told

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

        async def put(event: Encoded) -> None:
            await send({"type": "http.response.body", "body": event.encoded(), "more_body": True})

        await put(self._first)
        try:
            async for event in self._events:
                await put(event)
        except MunimentError as error:
            await put(self._told(error))
        except Exception:
            lost = Unavailable("The answer failed inside muniment; nothing more of it is given.")
            await put(self._told(lost))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def opened(
    events: AsyncGenerator[Encoded], told: Callable[[MunimentError], Encoded] = failed
) -> EventStream:
    """Return the response once its first event is there, so that an early error has its own status."""
    try:
        first = await anext(events)
    except BaseException:
        await events.aclose()
        raise
    return EventStream(events, first, told)

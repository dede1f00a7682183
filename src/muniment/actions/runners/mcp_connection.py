"""A connection to an MCP server that lasts for one piece of work: all of it through the one door, within one time.

The server can ask nothing of this side: no capability is offered, and a request for input, a sample of a model or a
list of roots is answered with an error.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from muniment.actions.runners.call import ToolFailed
from muniment.foundation.apart import apart
from muniment.foundation.egress import Egress, Refused
from muniment.foundation.errors import MunimentError
from muniment.foundation.secret import Secret
from muniment.foundation.version import VERSION

if TYPE_CHECKING:
    from mcp import Client

T = TypeVar("T")
# The library's own log would repeat what was sent.
logging.getLogger("mcp").propagate = False
logging.getLogger("mcp").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """An MCP server that the settings name."""

    name: str
    url: str
    token: Secret | None = None
    """What it is shown as a bearer token."""


class Exchange(Generic[T]):
    """How far a piece of work came."""

    def __init__(self) -> None:
        self.done: list[T] = []
        """Its result, once there is one: what goes wrong afterwards takes nothing back."""
        self.called = False
        """Whether the tool has been called, so that nobody knows what was done."""
        self.cut = False


Work = Callable[["Client", Exchange[T]], Awaitable[T]]


def work_with(server: RemoteServer, egress: Egress, seconds: float, most_bytes: int, work: Work[T]) -> T:
    """Return what some work with a server gives; raises ToolFailed for all that goes wrong."""
    exchange = Exchange[T]()
    failure = apart(lambda: _connected(server, egress, seconds, most_bytes, work, exchange), seconds)
    if exchange.done:
        return exchange.done[0]
    raise _failed(failure, exchange)


async def _connected(
    server: RemoteServer,
    egress: Egress,
    seconds: float,
    most_bytes: int,
    work: Work[T],
    exchange: Exchange[T],
) -> Exception | None:
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp_types import Implementation

    def cut() -> None:
        exchange.cut = True

    http = egress.client(seconds, most_bytes, cut)
    # A compressed reply could unfold past the bound.
    http.headers["accept-encoding"] = "identity"
    if server.token is not None:
        http.headers["authorization"] = f"Bearer {server.token.reveal()}"
    transport = streamable_http_client(server.url, http_client=http, max_sse_event_size=None)
    about = Implementation(name="muniment", version=VERSION)
    async with asyncio.timeout(seconds), http, Client(transport, cache=None, client_info=about) as client:
        try:
            exchange.done.append(await work(client, exchange))
        except Exception as error:
            # Raised here, it would come out in a group.
            return error
    return None


def _failed(failure: Exception | None, exchange: Exchange[T]) -> ToolFailed:
    from mcp.shared.exceptions import MCPError
    from mcp_types import INVALID_PARAMS, METHOD_NOT_FOUND
    from pydantic import ValidationError

    certain = not exchange.called
    causes = list(_leaves(failure))
    detail = ", ".join(type(one).__name__ for one in causes)
    for one in causes:
        if isinstance(one, ToolFailed):
            return one
    if exchange.cut:
        return ToolFailed("size", "The server replied with more than is taken.", certain=certain)
    for one in causes:
        if isinstance(one, Refused):
            return ToolFailed("unreachable", one.public, certain=certain, fix=one.fix)
        if isinstance(one, TimeoutError):
            return ToolFailed("time", "The server did not reply in time.", certain=certain)
        if isinstance(one, MCPError):
            return _told(one.code, one.code in (INVALID_PARAMS, METHOD_NOT_FOUND), certain)
        if isinstance(one, (ValidationError, MunimentError)):
            said = "The server replied with something that its protocol does not know."
            return ToolFailed("type", said, certain=certain, detail=detail)
    if certain:
        return ToolFailed("unreachable", "The server cannot be reached.", certain=True, detail=detail)
    return ToolFailed(
        "crash", "The connection broke before there was a result.", certain=False, detail=detail
    )


def _told(code: int, refusing: bool, certain: bool) -> ToolFailed:
    """Return the failure that an error of the protocol is; its words stay out of it."""
    detail = f"code {code}"
    if certain:
        return ToolFailed(
            "unreachable", "The server does not let tools be called.", certain=True, detail=detail
        )
    if refusing:
        return ToolFailed("refused", f"The server refused the call ({code}).", certain=True)
    return ToolFailed("crash", "The server broke off the call.", certain=False, detail=detail)


def _leaves(error: BaseException | None) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [] if error is None else [error]

"""Calls a tool of an MCP server, as long as it is the tool that its manifest was written for.

Invariants:
- before each call the server's definition of the tool is read anew, on the same connection, and another one than the
  manifest's ends it before anything is called;
- what a server says of itself, or asks for, changes nothing;
- a result is structured, or it is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from muniment.actions.manifest import RemoteTool
from muniment.actions.runners.call import ToolCall, ToolFailed
from muniment.actions.runners.definition import Definition
from muniment.actions.runners.mcp_connection import Exchange, RemoteServer, work_with
from muniment.actions.runners.outside_words import shown
from muniment.foundation.egress import Egress
from muniment.foundation.errors import BadInput

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import Tool

LISTING_SECONDS = 20.0
MOST_LISTED = 1 << 20
"""Bytes of a reply that lists tools, and of what stands around a result."""
_MOST_PAGES = 20
_KEY = "muniment/idempotency-key"


class DefinitionChanged(ToolFailed):
    """The server offers another tool than the manifest was written for: whoever called it disables the tool."""

    code = "definition-changed"

    def __init__(self, tool: str, said: str) -> None:
        super().__init__(
            "changed",
            f"{said} Nothing was called.",
            certain=True,
            fix=f"Import {tool} anew, look at what is different, and add its manifest again.",
        )


class RemoteToolRunner:
    """Calls tools of the servers that the settings name."""

    def __init__(self, egress: Egress, servers: Mapping[str, RemoteServer]) -> None:
        self._egress = egress
        self._servers = servers

    def definitions(self, server: str) -> tuple[Definition, ...]:
        """Return what a server offers now; raises ToolFailed."""

        async def work(client: Client, _exchange: Exchange[tuple[Definition, ...]]) -> tuple[Definition, ...]:
            return await _offered(client, server)

        return work_with(self._server(server), self._egress, LISTING_SECONDS, MOST_LISTED, work)

    def run(self, call: ToolCall) -> object:
        """Return the structured result; raises ToolFailed, of which DefinitionChanged asks to disable the tool."""
        runs = call.manifest.runs
        if not isinstance(runs, RemoteTool):
            raise ToolFailed("refused", "This is no tool of an MCP server.", certain=True)
        if call.dry_run:
            raise ToolFailed("refused", "This tool cannot say what would happen.", certain=True)

        async def work(client: Client, exchange: Exchange[object]) -> object:
            _check(runs, await _offered(client, runs.server))
            exchange.called = True
            return await _called(client, call, runs)

        # A result is sent twice, as text and structured.
        most = 4 * call.manifest.most_bytes + MOST_LISTED
        return work_with(self._server(runs.server), self._egress, call.manifest.seconds, most, work)

    def _server(self, name: str) -> RemoteServer:
        found = self._servers.get(name)
        if found is None:
            raise ToolFailed(
                "unreachable",
                f"The settings name no server {name[:64]!r}.",
                certain=True,
                fix=f"Write [tools.servers.{name[:64]}].",
            )
        return found


def _check(runs: RemoteTool, offered: tuple[Definition, ...]) -> None:
    found = [one for one in offered if one.name == runs.tool]
    if len(found) != 1:
        said = "no longer offers" if not found else "offers more than one tool of the name"
        raise DefinitionChanged(runs.tool, f"The server {said} {runs.tool}.")
    try:
        same = found[0].digest == runs.definition
    except BadInput:
        same = False
    if not same:
        raise DefinitionChanged(runs.tool, f"The server defines {runs.tool} in another way than before.")


async def _offered(client: Client, server: str) -> tuple[Definition, ...]:
    found: list[Definition] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        found += [_definition(server, one) for one in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            return tuple(found)
    raise ToolFailed("size", "The server lists tools without end.", certain=True)


def _definition(server: str, tool: Tool) -> Definition:
    annotations = (
        tool.annotations.model_dump(mode="json", by_alias=True, exclude_unset=True)
        if tool.annotations
        else {}
    )
    return Definition(
        server, tool.name, tool.description or "", tool.input_schema, tool.output_schema, annotations
    )


async def _called(client: Client, call: ToolCall, runs: RemoteTool) -> object:
    from mcp_types import (
        CallToolRequest,
        CallToolRequestParams,
        CallToolResult,
        InputRequiredResult,
        TextContent,
    )
    from pydantic import TypeAdapter

    # The client's own call checks the result against schemas of the server, whose patterns may run on.
    request = CallToolRequest(
        params=CallToolRequestParams(name=runs.tool, arguments=dict(call.arguments), _meta={_KEY: call.key})
    )
    kinds = TypeAdapter[CallToolResult | InputRequiredResult](CallToolResult | InputRequiredResult)
    result = await client.session.send_request(request, kinds)
    if isinstance(result, InputRequiredResult):
        raise ToolFailed("refused", "The server asked for more than the call holds.", certain=False)
    if result.is_error:
        words = next((shown(one.text) for one in result.content if isinstance(one, TextContent)), "")
        raise ToolFailed(
            "crash", f"The tool said that it failed: {words or 'without a reason'}", certain=False
        )
    if result.structured_content is None:
        raise ToolFailed("type", "The tool gave no structured result.", certain=False)
    return cast(object, result.structured_content)

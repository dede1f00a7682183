"""A small MCP server on the official library that counts its calls, and misbehaves on demand."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequiredResult,
    ListToolsResult,
    SamplingMessage,
    TextContent,
    Tool,
    ToolAnnotations,
)
from starlette.types import Message, Receive, Scope, Send

INPUT = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
OUTPUT = {"type": "object", "properties": {"state": {"type": "string"}}, "required": ["state"]}


def ship(**changed: Any) -> Tool:
    """Return the tool that it offers, but for what is changed."""
    made = Tool(
        name="ship",
        description="Ships an order.",
        input_schema=INPUT,
        output_schema=OUTPUT,
        annotations=ToolAnnotations(read_only_hint=False),
    )
    return made.model_copy(update=changed)


@dataclass
class McpServer:
    """A running server."""

    url: str = ""
    tools: list[Tool] = field(
        default_factory=lambda: [ship(), ship(name="track", description="Tracks an order.")]
    )
    says: Callable[[Mapping[str, Any]], Any] = lambda given: {"state": "shipped"}
    """From the arguments of a call to its result."""
    fault: str = ""
    """What the tool does wrong: hang, error, raise, text, huge, elicit, sample, wrong-type, endless."""
    wire: str = ""
    """What happens to the reply of a call: other-id, drop, garbage, page, accepted, gone, status."""
    legacy: bool = False
    """Whether it speaks only the protocol with a handshake and sessions."""
    events: bool = False
    calls: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    """How what it asked of its client was answered."""
    offered: dict[str, Any] = field(default_factory=dict)
    """Capabilities of the client."""

    async def list_tools(self, _context: Any, params: Any) -> ListToolsResult:
        if self.fault == "endless":
            return ListToolsResult(tools=[ship()], next_cursor="more")
        return ListToolsResult(tools=self.tools)

    async def call_tool(
        self, context: Any, params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        self.calls.append(dict(params.arguments or {}))
        self.keys.append((params.meta or {}).get("muniment/idempotency-key", ""))
        said = self.says(params.arguments or {})
        if self.fault == "hang":
            await asyncio.sleep(20)
        elif self.fault == "error":
            text = [TextContent(type="text", text="The order\n is \u202eclosed.")]
            return CallToolResult(content=text, is_error=True)
        elif self.fault == "raise":
            raise RuntimeError("canary")
        elif self.fault == "text":
            return CallToolResult(content=[TextContent(type="text", text=json.dumps(said))])
        elif self.fault == "wrong-type":
            said = {"state": 7}
        elif self.fault == "huge":
            said = {"state": "x" * 100_000_000}
        elif self.fault in ("elicit", "sample"):
            if not self.legacy:
                asked = ElicitRequestFormParams(
                    message="Which card?", requested_schema={"type": "object", "properties": {}}
                )
                return InputRequiredResult(input_requests={"card": ElicitRequest(params=asked)})
            try:
                await self._ask(context)
            except Exception as error:
                self.answers.append(str(error))
            else:
                self.answers.append("answered")
        return CallToolResult(content=[], structured_content=said)

    async def _ask(self, context: Any) -> None:
        if self.fault == "elicit":
            await context.session.elicit("Which card?", {"type": "object", "properties": {}})
        else:
            message = SamplingMessage(role="user", content=TextContent(type="text", text="Say something."))
            await context.session.create_message([message], max_tokens=5)

    def app(self) -> Callable[[Scope, Receive, Send], Any]:
        server: Server[Any] = Server("sample", on_list_tools=self.list_tools, on_call_tool=self.call_tool)
        manager = StreamableHTTPSessionManager(
            server, json_response=not self.events, stateless=not self.legacy
        )
        running: list[Any] = []

        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await _lifespan(manager, running, receive, send)
                return
            self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
            body = await _whole(receive)
            message = json.loads(body) if body else {}
            if self.legacy and message.get("method") == "server/discover":
                await _reply(
                    send, {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "x"}}
                )
                return
            if message.get("method") == "initialize":
                self.offered = message["params"]["capabilities"]
            wire = self.wire if message.get("method") == "tools/call" else ""
            if wire:
                await self._break(wire, message, send, receive)
                return
            await manager.handle_request(scope, _again(body, receive), send)

        return handle

    async def _break(self, wire: str, message: Mapping[str, Any], send: Any, receive: Receive) -> None:
        result = {"content": [], "structuredContent": {"state": "shipped"}, "resultType": "complete"}
        whole = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        if wire == "other-id":
            await _reply(send, {**whole, "id": 4711})
        elif wire == "garbage":
            await _reply(send, b"{canary")
        elif wire == "page":
            await _reply(send, b"<html>canary", kind=b"text/html")
        elif wire == "accepted":
            await _reply(send, b"", 202)
        elif wire == "gone":
            await _reply(send, b"", 404)
        elif wire == "status":
            await _reply(send, b"canary", 500)
        elif wire == "invalid":
            error = {"code": -32602, "message": "canary"}
            await _reply(send, {"jsonrpc": "2.0", "id": message["id"], "error": error})
        else:
            send.__self__.transport.abort()
            while (await receive())["type"] != "http.disconnect":
                continue


async def _lifespan(
    manager: StreamableHTTPSessionManager, running: list[Any], receive: Receive, send: Send
) -> None:
    async with manager.run():
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _whole(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


async def _reply(send: Send, body: Any, status: int = 200, kind: bytes = b"application/json") -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": raw})


@contextmanager
def mcp_server(**how: Any) -> Iterator[McpServer]:
    """Run a server on the loopback."""
    made = McpServer(**how)
    config = uvicorn.Config(
        made.app(), host="127.0.0.1", port=0, log_level="critical", timeout_graceful_shutdown=0, lifespan="on"
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    made.url = f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}/mcp"
    try:
        yield made
    finally:
        running.should_exit = running.force_exit = True
        thread.join()

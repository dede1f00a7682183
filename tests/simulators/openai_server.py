"""A working OpenAI-compatible server on the loopback, whose model reads the prompt it is sent; it can also fail.

`answering` copies one line of each passage with its marker; the other minds lie, obey orders that they find in
passages, or babble. Every request's bytes are kept, for tests that say what may never be sent.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Mind = Callable[[str], str]
"""From the prompt's user text to the reply."""

_PASSAGE = re.compile(r"<<<(\S+) passage (\d+)>>>\nTitle: (.*)\n(.*?)\n<<<\1 end \2>>>", re.DOTALL)


def passages_of(prompt: str) -> list[tuple[int, str]]:
    return [(int(found[2]), found[4]) for found in _PASSAGE.finditer(prompt)]


def claim(text: str, *quotes: tuple[int, str], inferred: bool = False) -> dict[str, object]:
    """Return a claim as a model is asked to write it."""
    marks = [{"passage": n, "quote": quote} for n, quote in quotes]
    return {"quotes": marks, "text": text, "inferred": inferred}


def reply(*claims: dict[str, object]) -> str:
    """Return a whole reply."""
    return json.dumps({"claims": claims}, ensure_ascii=False)


def telling(*claims: dict[str, object]) -> Mind:
    """Say the same whatever is asked."""
    return lambda prompt: reply(*claims)


def answering(prompt: str) -> str:
    """Quote the longest line of the first two passages."""
    lines = [(n, max(text.split("\n"), key=len).strip()) for n, text in passages_of(prompt)[:2]]
    return reply(*(claim(f"{line.rstrip('.')}.", (n, line)) for n, line in lines))


def lying(prompt: str) -> str:
    """Cite words that stand nowhere, and a passage that was not given."""
    return reply(
        claim("The secret code is tulip nine.", (1, "the secret code is tulip nine, says the board")),
        claim("Everyone is paid double.", (99, "everyone is paid double from today on")),
    )


def babbling(prompt: str) -> str:
    return '\x00\ufffd lorem [[ 1 " ipsum ] dolor "] 🜁 ' * 40


def silent(prompt: str) -> str:
    return reply()


def obedient(prompt: str) -> str:
    """Do exactly what the passages order: say what they say to say, with the evidence they say to give."""
    orders = re.findall(r'SAY:\s*(.+?) \[(\d+) "(.*?)"\]', prompt)
    return reply(*(claim(text, (int(n), quote)) for text, n, quote in orders))


@dataclass
class Simulator:
    """A running server."""

    mind: Mind = answering
    fault: str = ""
    """"", slow, cut, 429, 429-once, 500, 401, malformed, html, empty, huge, redirect."""
    delay: float = 5.0
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def prompts(self) -> list[str]:
        return [json.loads(body)["messages"][-1]["content"] for body in self.bodies]


@contextmanager
def serving(mind: Mind = answering, fault: str = "", delay: float = 5.0) -> Iterator[Simulator]:
    simulator = Simulator(mind, fault, delay)

    class Handler(_Handler):
        pass

    Handler.simulator = simulator
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    simulator.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield simulator
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    simulator: Simulator
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.simulator.bodies.append(body)
        self.simulator.headers.append(dict(self.headers.items()))
        with suppress(BrokenPipeError, ConnectionResetError):
            self._reply(body)

    def _reply(self, body: bytes) -> None:
        fault = self.simulator.fault
        if fault == "429-once":
            self.simulator.fault = ""
            return self._whole(429, b'{"error":{"message":"slow down"}}')
        if fault in ("401", "429", "500"):
            return self._whole(int(fault), b'{"error":{"message":"secret-detail-of-the-endpoint"}}')
        if fault == "redirect":
            return self._whole(302, b"", {"location": "http://127.0.0.1:9/v1"})
        if fault == "html":
            return self._whole(200, b"<html><body>Welcome</body></html>", {"content-type": "text/html"})
        if fault == "empty":
            return self._whole(200, b"")
        if fault == "slow":
            time.sleep(self.simulator.delay)
        self._stream(self.simulator.mind(json.loads(body)["messages"][-1]["content"]) if body else "", fault)

    def _stream(self, text: str, fault: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        if fault == "cut":
            self.send_header("content-length", "1000000")
        self.end_headers()
        self.close_connection = True
        if fault == "malformed":
            self.wfile.write(b'data: {"id": "x", "choices": [{"index": 0, "delta": {"content": \n\n')
            return
        if fault == "huge":
            self._huge()
            return
        parts = [text[at : at + 7] for at in range(0, len(text), 7)]
        for at, part in enumerate(parts):
            if fault == "cut" and at >= len(parts) // 2:
                return
            self._event({"choices": [{"index": 0, "delta": {"content": part}}]})
        usage = {"prompt_tokens": 120, "completion_tokens": len(parts), "total_tokens": 120 + len(parts)}
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self._event({"choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def _huge(self) -> None:
        block = "x" * 65536
        for _ in range(1024):
            self._event({"choices": [{"index": 0, "delta": {"content": block}}]})

    def _event(self, fields: dict) -> None:
        event = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "simulated", **fields}
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def _whole(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {"content-type": "application/json"}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

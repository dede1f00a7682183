"""A working OpenAI-compatible server on the loopback, whose model reads the prompt it is sent; it can also fail.

`Wire` is what servers of other formats share with it. `answering` copies one line of each passage as a claim; the
others lie, obey orders that they find in passages, or babble. Every request's bytes are kept, for tests that say
what may never be sent.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def rewriting(prompt: str) -> str:
    """Say a follow-up together with the newest question that it is shown; answer what is no follow-up."""
    if not is_rewriting(prompt):
        return answering(prompt)
    *_, newest, asked = [line.removeprefix("- ") for line in prompt.split("\n")]
    return json.dumps({"question": f"{asked} {newest}"})


def is_rewriting(prompt: str) -> bool:
    """Whether a question is to be written so that it stands alone."""
    return prompt.startswith("Question: how is the last of these asked")


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
    """"", slow, cut, short, wordy, 429, 429-once, 500, 401, malformed, html, empty, huge, endless, beating, tool,
    redirect."""
    delay: float = 5.0
    prompt_tokens: int = 120
    """What a request is said to have used."""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    url: str = ""
    left: threading.Event = field(default_factory=threading.Event)
    """Whether a caller went away before the end."""


@contextmanager
def serving(
    mind: Mind = answering, fault: str = "", delay: float = 5.0, wire: type[Wire] | None = None
) -> Iterator[Simulator]:
    simulator = Simulator(mind, fault, delay)
    handler = type("Handler", (wire or OpenAI,), {"simulator": simulator})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    simulator.url = f"http://127.0.0.1:{server.server_address[1]}{handler.base}"
    try:
        yield simulator
    finally:
        server.shutdown()
        server.server_close()


class Wire(BaseHTTPRequestHandler):
    """A server that streams; what is left open is its format."""

    simulator: Simulator
    base = ""
    content_type = "text/event-stream"
    protocol_version = "HTTP/1.1"

    def refused(self, body: bytes) -> int:
        """Return the status for a request that this format does not know, 0 for one that it does."""
        return 0

    def prompt_of(self, body: dict) -> str:
        """Return what the user says."""
        raise NotImplementedError

    def begin(self, body: dict) -> None:
        """Write what comes before the text."""

    def say(self, text: str) -> None:
        """Write some text."""
        raise NotImplementedError

    def end(self, count: int) -> None:
        """Write what comes after the text, with its number of tokens."""
        raise NotImplementedError

    def call_a_tool(self) -> None:
        """Write a call of a tool that nobody offered."""
        raise NotImplementedError

    def garble(self) -> None:
        """Write bytes that break off within the format."""
        raise NotImplementedError

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.simulator.bodies.append(body)
        self.simulator.headers.append(dict(self.headers.items()))
        self.simulator.paths.append(self.path)
        try:
            self._reply(body)
        except (BrokenPipeError, ConnectionResetError):
            self.simulator.left.set()

    def _reply(self, body: bytes) -> None:
        if status := self.refused(body):
            return self._whole(status, b'{"error":{"message":"not a request of this format"}}')
        fault = self.simulator.fault
        if fault == "429-once":
            self.simulator.fault = ""
            return self._whole(429, b'{"error":{"message":"slow down"}}')
        if fault in ("401", "429", "500"):
            wait = {"retry-after": "7"} if fault == "429" else {}
            return self._whole(int(fault), b'{"error":{"message":"secret-detail-of-the-endpoint"}}', wait)
        if fault == "redirect":
            return self._whole(302, b"", {"location": "http://127.0.0.1:9/v1"})
        if fault == "html":
            return self._whole(200, b"<html><body>Welcome</body></html>", {"content-type": "text/html"})
        if fault == "empty":
            return self._whole(200, b"")
        if fault == "slow":
            time.sleep(self.simulator.delay)
        said = json.loads(body)
        self.simulator.prompts.append(self.prompt_of(said))
        self._stream(said, fault)

    def _stream(self, body: dict, fault: str) -> None:
        self.send_response(200)
        self.send_header("content-type", self.content_type)
        self.send_header("connection", "close")
        if fault == "cut":
            self.send_header("content-length", "1000000")
        self.end_headers()
        self.close_connection = True
        if fault == "malformed":
            return self.garble()
        self.begin(body)
        if fault == "tool":
            return self.call_a_tool()
        if fault == "huge":
            return self._on_and_on("x" * 65536, 1024, 0.0)
        if fault == "endless":
            return self._on_and_on("x ", 100_000, 0.01)
        if fault == "beating":
            return self._beat()
        text = self.simulator.mind(self.prompt_of(body))
        parts = [text[at : at + 7] for at in range(0, len(text), 7)]
        if fault == "wordy":
            # It opens more than it can close before it must end.
            parts = ['{"again": '] * (body.get("max_tokens") or body["max_completion_tokens"])
        for at, part in enumerate(parts):
            if fault in ("cut", "short") and at >= len(parts) // 2:
                return None
            self.say(part)
        return self.end(len(parts))

    def _beat(self) -> None:
        """Go on saying nothing until the other side has left."""
        for _ in range(3_000):
            self.send_bytes(b": still here\n\n")
            time.sleep(0.01)

    def _on_and_on(self, text: str, times: int, pause: float) -> None:
        for _ in range(times):
            self.say(text)
            time.sleep(pause)

    def send_bytes(self, content: bytes) -> None:
        self.wfile.write(content)
        self.wfile.flush()

    def _whole(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class OpenAI(Wire):
    """`POST /v1/chat/completions`"""

    base = "/v1"

    def prompt_of(self, body: dict) -> str:
        return body["messages"][-1]["content"]

    def say(self, text: str) -> None:
        self._event({"choices": [{"index": 0, "delta": {"content": text}}]})

    def end(self, count: int) -> None:
        read = self.simulator.prompt_tokens
        usage = {"prompt_tokens": read, "completion_tokens": count, "total_tokens": read + count}
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self._event({"choices": [], "usage": usage})
        self.send_bytes(b"data: [DONE]\n\n")

    def call_a_tool(self) -> None:
        function = {"name": "send_mail", "arguments": '{"to": "x@evil.example"}'}
        call = {"index": 0, "id": "c1", "type": "function", "function": function}
        self._event({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
        self.end(1)

    def garble(self) -> None:
        self.send_bytes(b'data: {"id": "x", "choices": [{"index": 0, "delta": {"content": \n\n')

    def _event(self, fields: dict) -> None:
        event = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "simulated", **fields}
        self.send_bytes(f"data: {json.dumps(event)}\n\n".encode())

"""When the first sentence of a streamed answer is there, against when the model had said it.

A server on the loopback streams a reply as a language model does, in small parts, thirty milliseconds apart, and
notes when the last byte of its first claim went out.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks.bars import Bar, Progress, bar, p50
from muniment.app import Workspace
from muniment.assistant.answer import Assistant
from muniment.assistant.inquiry import Inquiry
from muniment.assistant.release import Release
from muniment.assistant.values import Claim
from muniment.foundation.egress import Egress
from muniment.governance.audit.entry import Actor
from muniment.inference.catalog import Catalog, Endpoint
from muniment.inference.gateway import Gateway

QUESTIONS = (
    "How long is parental leave?", "When may gifts be accepted?", "How is an incident reported?",
    "What does the on-call engineer do?", "How are visitors registered?", "What is the travel limit for hotels?",
    "How are passwords chosen?", "What happens when a device is lost?", "When is the canteen open?",
    "How are purchases approved?", "What is the annual leave?", "Who fixes a silent probe?",
)  # fmt: skip
ROUNDS = 3
_PART, _PAUSE = 12, 0.03
_PASSAGE = re.compile(r"<<<(\S+) passage (\d+)>>>\nTitle: .*\n(.*?)\n<<<\1 end \2>>>", re.DOTALL)


class _Clock:
    """When the server had sent the last byte of its first claim."""

    def __init__(self) -> None:
        self.said = 0.0


def bars(workspace: Workspace, reader: str, progress: Progress) -> list[Bar]:
    """Return how much later than the model's own the first sentence came."""
    progress("streaming answers")
    later: list[float] = []
    clock = _Clock()
    with _streaming(clock) as url:
        assistant = _assistant(workspace, url)
        principal, by = workspace.principal(reader), Actor(f"user:{reader}", "python")
        for question in QUESTIONS * ROUNDS:
            with closing(assistant.stream(principal, question, by, "streaming")) as events:
                for event in events:
                    if isinstance(event, Claim):
                        later.append(time.perf_counter() - clock.said)
                        break
    return [
        bar("first sentence of a stream after the model's own, p50", 150, p50(later), "ms"),
        bar("first sentences streamed", None, len(later), "sentences"),
    ]


def _assistant(workspace: Workspace, url: str) -> Assistant:
    endpoint = Endpoint("streaming", "openai", url, "m", max_sensitivity="any")
    gateway = Gateway(
        catalog=Catalog([endpoint]),
        audit=workspace.audit,
        egress=Egress((), {endpoint.origin}),
        embedder=workspace.embedder,
        spending=workspace.spending,
        clock=workspace.clock,
    )
    release = Release(workspace.database, workspace.audit, workspace.policy)
    return Assistant(
        database=workspace.database,
        audit=workspace.audit,
        policy=workspace.policy,
        retriever=workspace.retriever,
        gateway=gateway,
        inquiry=Inquiry(
            database=workspace.database,
            gateway=gateway,
            gate=workspace.evidence_gate,
            release=release,
            live=workspace.prompts.live,
            ids=workspace.ids,
            when_sensitive="withhold",
        ),
        release=release,
        lineage=workspace.lineage,
        clock=workspace.clock,
        ids=workspace.ids,
    )


@contextmanager
def _streaming(clock: _Clock) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            with suppress(ConnectionError):
                self._reply()

        def _reply(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            claims = [
                {"quotes": [{"passage": int(n), "quote": line}], "text": line, "inferred": False}
                for _, n, text in _PASSAGE.findall(body["messages"][-1]["content"])
                if len(line := max(text.split("\n"), key=len).strip()) < 400
            ]
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            text = json.dumps({"claims": claims[:3]}, ensure_ascii=False)
            first = text.index("}, {") + 1 if "}, {" in text else len(text)
            for at in range(0, len(text), _PART):
                time.sleep(_PAUSE)
                self._event({"choices": [{"index": 0, "delta": {"content": text[at : at + _PART]}}]})
                if at <= first < at + _PART:
                    clock.said = time.perf_counter()
            self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            self.wfile.write(b"data: [DONE]\n\n")

        def _event(self, fields: dict[str, object]) -> None:
            whole = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", **fields}
            self.wfile.write(f"data: {json.dumps(whole)}\n\n".encode())
            self.wfile.flush()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()

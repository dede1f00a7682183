"""A system with a web interface of its own that keeps what it was sent, and misbehaves on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ToolServer:
    """A running system."""

    url: str = ""
    status: int = 200
    body: bytes = b'{"ok": true}'
    kind: str = "application/json"
    fault: str = ""
    """"", hang, drop, cut, huge, redirect."""
    received: list[Received] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def last(self) -> Received:
        return self.received[-1]


def _handler(server: ToolServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.received.append(Received(self.command, self.path, headers, body))
            with suppress(OSError):
                self._answer()
            self.close_connection = True

        def _answer(self) -> None:
            if server.fault == "hang":
                server.released.wait(20)
                return
            if server.fault == "drop":
                return
            status = 302 if server.fault == "redirect" else server.status
            length = 100_000_000 if server.fault == "huge" else len(server.body)
            self.send_response(status)
            self.send_header("content-type", server.kind)
            self.send_header("content-length", str(length))
            if server.fault == "redirect":
                self.send_header("location", f"{server.url}/elsewhere")
            self.end_headers()
            if server.fault == "huge":
                for _ in range(100):
                    self.wfile.write(b" " * 1_000_000)
            elif server.fault == "cut":
                self.wfile.write(server.body[: len(server.body) // 2])
            else:
                self.wfile.write(server.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def tool_server(**how: Any) -> Iterator[ToolServer]:
    """Run a system on the loopback."""
    made = ToolServer(**how)
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    http.daemon_threads = True
    made.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=lambda: http.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield made
    finally:
        made.released.set()
        http.shutdown()
        thread.join()
        http.server_close()

"""What the simulators of Atlassian's products share: a server of JSON with a token, patience and faults."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hush-hush"
Json = dict[str, Any]
Answer = tuple[int, Any]


class AtlassianServer:
    """Gives what `answers` returns for a path and a query; the path without the context that it lies under."""

    def __init__(self, context: str, answers: Callable[[str, dict[str, str]], Answer]) -> None:
        self.context = context
        self.throttled = 0
        self.faults: dict[str, Any] = {}
        """By what an address contains: a status, or a body in the place of the answer."""
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.asked.append(self.path)
                if not (self.headers.get("authorization") or "").startswith(("Bearer ", "Basic ")):
                    return self._send(401, {"message": "no token"}, {})
                if server.throttled:
                    server.throttled -= 1
                    return self._send(429, {"message": "too many"}, {"retry-after": "0"})
                for held, fault in server.faults.items():
                    if held in unquote(self.path):
                        return self._send(*((fault, {}) if isinstance(fault, int) else (200, fault)), {})
                parts = urlsplit(self.path)
                if not parts.path.startswith(server.context + "/"):
                    return self._send(404, {}, {})
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                status, body = answers(unquote(parts.path[len(server.context) :]), query)
                moved = {"location": str(body)} if status == 302 else {}
                return self._send(status, {} if moved else body, moved)

            def _send(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
                held = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"content-length": str(len(held)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(held)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{cast('tuple[str, int]', self._server.server_address)[1]}{context}"
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.02), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

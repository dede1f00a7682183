"""A working collector of OTLP over HTTP on the loopback: reads what it is sent by OpenTelemetry's own definitions.

It can also refuse, and hang.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class OtlpCollector:
    """What was sent, and how the next request is answered."""

    address: str = ""
    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    hangs: float = 0.0

    def spans(self) -> list[Any]:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        found: list[Any] = []
        for path, body in list(self.bodies):
            if path == "/v1/traces":
                request = ExportTraceServiceRequest.FromString(body)
                found += [s for r in request.resource_spans for c in r.scope_spans for s in c.spans]
        return found

    def metrics(self) -> dict[str, Any]:
        """Return the newest of each metric."""
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

        found: dict[str, Any] = {}
        for path, body in list(self.bodies):
            if path == "/v1/metrics":
                request = ExportMetricsServiceRequest.FromString(body)
                found |= {
                    m.name: m for r in request.resource_metrics for c in r.scope_metrics for m in c.metrics
                }
        return found

    def everything(self) -> bytes:
        """Return all bytes that came."""
        return b"\n".join(body for _, body in self.bodies)


@contextmanager
def collecting() -> Iterator[OtlpCollector]:
    """Yield a running collector."""
    made = OtlpCollector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            time.sleep(made.hangs)
            if made.status == 200:
                made.headers.append({name.lower(): value for name, value in self.headers.items()})
                made.bodies.append((self.path, body))
            self.send_response(made.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    made.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

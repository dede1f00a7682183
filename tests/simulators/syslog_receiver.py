"""A syslog receiver on the loopback: counted messages (RFC 6587) over TCP or TLS, kept as they came."""

from __future__ import annotations

import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Received:
    """What came; while `deaf`, connections are cut in the middle and nothing of them is kept."""

    context: ssl.SSLContext | None = None
    deaf: bool = False
    messages: list[bytes] = field(default_factory=list[bytes])
    port: int = 0


class _Session(socketserver.BaseRequestHandler):
    server: Any

    def handle(self) -> None:
        box: Received = self.server.box
        if box.deaf:
            # A reset, not an orderly end.
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.request.close()
            return
        stream = self.request
        if box.context is not None:
            stream = box.context.wrap_socket(stream, server_side=True)
        whole = b""
        while part := stream.recv(65536):
            whole += part
        while whole:
            size, _, rest = whole.partition(b" ")
            box.messages.append(rest[: int(size)])
            whole = rest[int(size) :]


class _Server(socketserver.ThreadingTCPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers who leave in the middle."""


@contextmanager
def receiver(context: ssl.SSLContext | None = None) -> Generator[Received]:
    """Yield a running receiver."""
    box = Received(context)
    with _Server(("127.0.0.1", 0), _Session) as server:
        server.daemon_threads = True
        server.box = box  # type: ignore[attr-defined]
        box.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield box
        server.shutdown()

"""One connection: the certificate that it came with, and how long the head of a request may be."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from muniment.interfaces.forwarded import CERTIFICATE

LONGEST_HEAD = 64 << 10
"""Bytes of a request's address and headers."""


class Connection(HttpToolsProtocol):
    """Notes the peer's certificate, which the handshake has verified; refuses a head that is too long or endless."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._in_head = True
        self._began = False
        self._unfinished = 0
        """Bytes of a head whose end has not come, without the data that it began in: another request may be there."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        found = connection.getpeercert(binary_form=True) if connection is not None else None
        if found is not None:
            self.app_state = {**self.app_state, CERTIFICATE: found}

    def data_received(self, data: bytes) -> None:
        self._began = False
        super().data_received(data)
        self._unfinished = self._unfinished + len(data) if self._in_head and not self._began else 0
        if self._unfinished > LONGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of this request is too long.")

    def on_message_begin(self) -> None:
        self._in_head = self._began = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > LONGEST_HEAD:
            # The parser tells its caller, who answers 400 and closes the connection.
            raise ValueError("the head is too long")
        self._in_head = False
        super().on_headers_complete()


def certificate_of(request: Request) -> bytes | None:
    """Return the certificate of the request's connection in DER, verified; None where it came without."""
    found = getattr(request.state, CERTIFICATE, None)
    return found if isinstance(found, bytes) else None

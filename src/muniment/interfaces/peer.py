"""Hands the certificate that a TLS connection came with on to the requests in it."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from muniment.interfaces.forwarded import CERTIFICATE


class WithCertificate(H11Protocol):
    """Notes the peer's certificate, which the handshake has verified, once for each connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        found = connection.getpeercert(binary_form=True) if connection is not None else None
        if found is not None:
            self.app_state = {**self.app_state, CERTIFICATE: found}


def certificate_of(request: Request) -> bytes | None:
    """Return the certificate of the request's connection in DER, verified; None where it came without."""
    found = getattr(request.state, CERTIFICATE, None)
    return found if isinstance(found, bytes) else None

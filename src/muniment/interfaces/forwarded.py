"""What proxies say of a request (`X-Forwarded-For`, `X-Forwarded-Proto`): believed of trusted proxies only.

Invariants:
- a caller that is no trusted proxy changes nothing by these headers;
- no route sees them: what is believed is in the scope, the rest is gone;
- where the server is reached in clear from other machines, whatever did not come over TLS through a trusted proxy
  is refused, but for the questions whether it lives.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import Scope

from muniment.foundation.network_settings import Network

_SAID = (
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "forwarded",
    "x-real-ip",
    "client-cert",
    "client-cert-chain",
)
CERTIFICATE = "client_certificate"
"""Where a request's state holds the certificate of its connection."""
FORWARDED = "forwarded"
"""Where a request's state holds that somebody said it came for another."""
_ALWAYS = frozenset({"/healthz", "/readyz"})


class Proxies:
    """The proxies that are trusted."""

    def __init__(self, networks: Sequence[Network] = (), required: bool = False) -> None:
        """With `required`, requests have to come over TLS through one of them."""
        self._networks = tuple(networks)
        self._required = required

    def believed(self, scope: Scope) -> tuple[Scope, bool]:
        """Return the scope with what a trusted proxy said of it, and whether it may come in."""
        headers = Headers(scope=scope)
        peer = scope.get("client")
        trusted = False
        if peer is not None and self.trusts(peer[0]):
            trusted = True
            scope = {
                **scope,
                "scheme": _scheme(headers, scope["scheme"]),
                "client": (self._first(headers, peer[0]), 0),
                # The certificate is the proxy's own, not that of whoever it speaks for.
                "state": {name: one for name, one in scope.get("state", {}).items() if name != CERTIFICATE},
            }
        if any(name in headers for name in _SAID):
            kept = [(name, value) for name, value in scope["headers"] if name.decode("latin-1") not in _SAID]
            scope = {**scope, "headers": kept, "state": {**scope.get("state", {}), FORWARDED: True}}
        ready = not self._required or (trusted and (scope["scheme"] == "https" or scope["path"] in _ALWAYS))
        return scope, ready

    def trusts(self, address: str) -> bool:
        """Return whether an address is that of a trusted proxy."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in network for network in self._networks)

    def _first(self, headers: Headers, peer: str) -> str:
        """The caller: the last address in the list that is no trusted proxy, since each adds the one it saw."""
        said = [one.strip() for line in headers.getlist("x-forwarded-for") for one in line.split(",")]
        for one in reversed(said):
            try:
                ipaddress.ip_address(one)
            except ValueError:
                break
            if not self.trusts(one):
                return one
        return peer


def _scheme(headers: Headers, otherwise: str) -> str:
    said = [one.strip().lower() for line in headers.getlist("x-forwarded-proto") for one in line.split(",")]
    if not said:
        return otherwise
    return "https" if all(one == "https" for one in said) else "http"

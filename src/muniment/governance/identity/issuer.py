"""What an operator says of an OpenID Connect provider: who signs, for whom, and which accounts that names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from muniment.foundation.secret import Secret
from muniment.governance.identity.claimed import GroupRule

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""Signatures made with a key that is not ours to know."""
TokenType = Literal["at+jwt", "JWT"]
UserMatch = Literal["name", "external_id"]

DISCOVERY = "/.well-known/openid-configuration"
CALLBACK = "/signin/callback"


@dataclass(frozen=True, slots=True)
class BrowserClient:
    """How we are known to a provider that signs people in."""

    client_id: str
    origin: str
    """Of our pages, such as `https://muniment.example`."""
    secret: Secret | None = None
    """None: a public client, which proves itself by PKCE alone."""

    @property
    def redirect_uri(self) -> str:
        """Return where the provider sends the browser back to."""
        return self.origin + CALLBACK


@dataclass(frozen=True, slots=True)
class Issuer:
    """A provider, and the rules for what it signs."""

    name: str
    url: str
    """Compared with `iss` byte for byte."""
    audience: str
    algorithms: tuple[Algorithm, ...] = ("RS256", "ES256")
    user_claim: str = "sub"
    user_match: UserMatch = "name"
    """What the claim holds: a user's name, or the id that the provider gave it over SCIM."""
    required_typ: TokenType = "at+jwt"
    leeway_seconds: int = 30
    jwks_origin: str = ""
    """Where keys may lie besides the issuer's own origin."""
    token_origin: str = ""
    """Where codes may be exchanged besides the issuer's own origin."""
    private_network: bool = False
    tenant_claim: str = ""
    """The claim that tells this tenant's tokens from those of others at the same provider; empty: all are ours."""
    tenant_value: str = ""
    services: Mapping[str, str] = field(default_factory=dict)
    """The service that a client of the provider is, by client id."""
    group_rule: GroupRule = field(default_factory=GroupRule)
    """Which groups its tokens give to people."""
    group_scope: str = ""
    """What is asked for beside at sign-in, so that it states groups."""
    client: BrowserClient | None = None
    """None: people do not sign in through it, it only signs tokens."""

    @property
    def discovery_url(self) -> str:
        """Return where the provider describes itself."""
        return self.url.rstrip("/") + DISCOVERY

    @property
    def origins(self) -> tuple[str, ...]:
        """Return where its documents and its token endpoint may lie."""
        return tuple(one for one in (origin(self.url), self.jwks_origin, self.token_origin) if one)


def origin(url: str) -> str:
    """Return scheme and authority of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def address_problem(url: str, *, bare: bool = False) -> str:
    """Return why this is no address for signing in ("is not https", ...), or an empty string.

    Plain http is for this machine. A bare address has neither path nor query.
    """
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "holds characters that no address has"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is no address"
    if parts.scheme not in ("https", "http") or not host:
        return "is no https address"
    if parts.scheme == "http" and not _this_machine(host):
        return "is not https, which may be left out on this machine only"
    if "@" in parts.netloc:
        return "holds a user name"
    if "#" in url or (bare and (parts.path or "?" in url)):
        return "holds more than scheme, host and port" if bare else "holds a fragment"
    return ""


def _this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    return bool(re.fullmatch(r"[0-9.]+|.*:.*", host)) and _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

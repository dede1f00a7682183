"""What an operator may set of the network: what the server is known by, whom it believes, and what it may reach."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from muniment.foundation.addresses import is_odd_spelling
from muniment.foundation.certificate import CertificateFiles
from muniment.foundation.egress_rules import EgressRules, Place, Purpose

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AllowSettings(BaseModel):
    """`[network.allow]`: hosts, as `HOST` or `HOST:PORT`; a purpose that has a list reaches nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: tuple[str, ...] | None = None
    """Model endpoints."""
    identity: tuple[str, ...] | None = None
    """Identity providers."""
    keys: tuple[str, ...] | None = None
    """Services that keep the key above all keys."""
    database: tuple[str, ...] | None = None
    """The Postgres server."""
    tools: tuple[str, ...] | None = None
    """Systems and MCP servers that tools call."""
    notifications: tuple[str, ...] | None = None
    """The mail server, and what is posted to, when something waits for people."""
    telemetry: tuple[str, ...] | None = None
    """The collector of traces and counts."""
    audit: tuple[str, ...] | None = None
    """Where copies of the log and its checkpoints go."""
    sources: tuple[str, ...] | None = None
    """Systems that documents are read from."""

    @field_validator(
        "models",
        "identity",
        "keys",
        "database",
        "tools",
        "notifications",
        "audit",
        "telemetry",
        "sources",
    )
    @classmethod
    def _places(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for one in given or ():
            _place(one)
        return given

    def lists(self) -> dict[Purpose, frozenset[Place]]:
        """Return the lists that there are."""
        found: dict[Purpose, tuple[str, ...] | None] = {
            "models": self.models,
            "identity": self.identity,
            "keys": self.keys,
            "database": self.database,
            "tools": self.tools,
            "notifications": self.notifications,
            "audit": self.audit,
            "telemetry": self.telemetry,
            "sources": self.sources,
        }
        return {
            purpose: frozenset(_place(one) for one in given)
            for purpose, given in found.items()
            if given is not None
        }


class NetworkSettings(BaseModel):
    """`[network]`"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: str = ""
    """PEM file with the server's certificate and those of the authorities between; empty: no TLS."""
    key: str = ""
    """PEM file with its private key, readable by this account alone."""
    client_ca: str = ""
    """PEM file of the authorities that vouch for certificates of clients; empty: none is asked for."""
    client_certificates: Literal["optional", "required"] = "optional"
    """`required`: with `client_ca`, no connection comes about without one, a browser's neither."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses, or networks such as `10.0.0.0/24`, of proxies whose X-Forwarded headers are believed."""
    private: bool = False
    """Everything that is reached must be on a list below and lie inside your own network."""
    proxy: str = ""
    """Such as `http://proxy.example:3128`: takes CONNECT, for addresses outside your own network."""
    proxy_resolves: bool = False
    """The proxy looks up names outside; their addresses are then not vetted here."""
    ca_file: str = ""
    """PEM file of the authorities that are trusted instead of the public ones."""
    allow: AllowSettings = AllowSettings()

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, given: str) -> str:
        if given:
            _proxy_place(given)
        return given

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            try:
                found = ipaddress.ip_network(one)
            except ValueError as error:
                raise ValueError(f"{one} is no address or network") from error
            if found.prefixlen == 0:
                raise ValueError(f"{one} would believe everybody")
        return given

    @model_validator(mode="after")
    def _makes_sense(self) -> NetworkSettings:
        if bool(self.certificate) != bool(self.key):
            raise ValueError("certificate and key belong together")
        if self.client_ca and not self.certificate:
            raise ValueError("client_ca needs a certificate of the server's own")
        if self.client_certificates == "required" and not self.client_ca:
            raise ValueError("client_certificates needs a client_ca")
        if self.proxy_resolves and (self.private or not self.proxy):
            raise ValueError("proxy_resolves needs a proxy, and no private network")
        return self

    def proxies(self) -> tuple[Network, ...]:
        """Return the networks of the trusted proxies."""
        return tuple(ipaddress.ip_network(one) for one in self.trusted_proxies)

    def files(self, home: Path) -> CertificateFiles | None:
        """Return where certificate and key lie, relative to the home or absolute; None without TLS."""
        if not self.certificate:
            return None
        return CertificateFiles(
            home / Path(self.certificate).expanduser(),
            home / Path(self.key).expanduser(),
            home / Path(self.client_ca).expanduser() if self.client_ca else None,
            self.client_certificates == "required",
        )

    def rules(self, home: Path) -> EgressRules:
        """Return what may leave, and how."""
        return EgressRules(
            self.private,
            self.allow.lists(),
            _proxy_place(self.proxy) if self.proxy else None,
            self.proxy_resolves,
            home / Path(self.ca_file).expanduser() if self.ca_file else None,
        )


def _place(text: str) -> Place:
    """Read `HOST` or `HOST:PORT`; raises ValueError."""
    bare = f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text
    try:
        found = urlsplit(f"https://{bare}")
        host, port = (found.hostname or "").rstrip("."), found.port
    except ValueError as error:
        raise ValueError(f"{text} is no host") from error
    if not host or found.netloc != bare or "@" in bare or "*" in host or is_odd_spelling(host):
        raise ValueError(f"{text} is no host: write HOST or HOST:PORT")
    return Place(host, port)


def _proxy_place(text: str) -> tuple[str, int]:
    found = urlsplit(text)
    if found.scheme != "http" or found.path not in ("", "/") or found.query or found.fragment:
        raise ValueError("a proxy is written as http://HOST:PORT")
    place = _place(found.netloc)
    return place.host, place.port or 3128

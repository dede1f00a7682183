"""What an operator may set of tools: what their calls may reach, whose functions may run, which servers are known."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from muniment.foundation.addresses import is_odd_spelling
from muniment.foundation.setting_name import Name

Package = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$")]
Domain = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$", max_length=253)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RemoteServerSettings(_Section):
    """`[tools.servers.NAME]`: an MCP server."""

    url: str
    """Such as `https://shop.example/mcp`; streamable HTTP."""
    token: str = ""
    """A reference, `env:NAME` or `file:PATH`, to what it is shown as a bearer token."""
    private_network: bool = False
    """Its name may resolve to an address inside your own network; `localhost` and literal addresses may always."""

    @field_validator("url")
    @classmethod
    def _address(cls, given: str) -> str:
        _origin(given)
        return given

    @property
    def origin(self) -> str:
        """Return scheme, host and port."""
        return _origin(self.url)


class ToolSettings(_Section):
    """`[tools]`"""

    issuer: str = Field("muniment", min_length=1, max_length=200)
    """What systems know this workspace by: `iss` of the credentials that calls carry."""
    origins: tuple[str, ...] = ()
    """Such as `https://orders.example`: systems that tools may call; an http manifest for any other never runs."""
    private_origins: tuple[str, ...] = ()
    """Those whose names may resolve to addresses inside your own network."""
    python: tuple[Package, ...] = ()
    """Packages whose functions may run as tools."""
    mail_domains: tuple[Domain, ...] = ()
    """In these, what stands before the @ of an address is the name of an account."""
    servers: dict[Name, RemoteServerSettings] = Field(default_factory=dict)

    @field_validator("origins", "private_origins")
    @classmethod
    def _origins(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            if _origin(one) != one.removesuffix("/"):
                raise ValueError(f"{one} is no origin: write https://HOST or https://HOST:PORT")
        return given

    def server_origins(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the origins of the servers, and those of them that may lie inside the operator's own network."""
        found = self.servers.values()
        return frozenset(one.origin for one in found), frozenset(
            one.origin for one in found if one.private_network
        )


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"{url} is no address") from error
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or is_odd_spelling(host):
        raise ValueError(f"{url} is no address: write https://HOST")
    return f"{parts.scheme}://{parts.netloc}"

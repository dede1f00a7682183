"""What an operator may set of the network: what the server shows itself by, and whom it believes."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from muniment.foundation.certificate import CertificateFiles

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class NetworkSettings(BaseModel):
    """`[network]`"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: str = ""
    """PEM file with the server's certificate and those of the authorities between; empty: no TLS."""
    key: str = ""
    """PEM file with its private key, readable by this account alone."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses, or networks such as `10.0.0.0/24`, of proxies whose X-Forwarded headers are believed."""

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
        return self

    def proxies(self) -> tuple[Network, ...]:
        """Return the networks of the trusted proxies."""
        return tuple(ipaddress.ip_network(one) for one in self.trusted_proxies)

    def files(self, home: Path) -> CertificateFiles | None:
        """Return where certificate and key lie, relative to the home or absolute; None without TLS."""
        if not self.certificate:
            return None
        return CertificateFiles(
            home / Path(self.certificate).expanduser(), home / Path(self.key).expanduser()
        )

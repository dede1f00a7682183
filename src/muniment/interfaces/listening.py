"""Where the server listens, and whether it may: beyond this machine only over TLS."""

from __future__ import annotations

import ipaddress
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment.foundation.certificate import Certificate, Served, Unfit
from muniment.foundation.errors import BadInput, MunimentError
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.interfaces.forwarded import Proxies

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.settings import Settings

_ITSELF = Actor("muniment", "python")
_LOG = logging.getLogger("muniment.tls")


@dataclass(frozen=True, slots=True)
class Listening:
    """An address that may be listened on, and how."""

    host: str
    served: Served | None
    proxies: Proxies

    def base(self, port: int, hosts: tuple[str, ...]) -> str:
        """Return the address as a browser takes it: over TLS by a name of the certificate that is answered to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.served is None:
            return f"http://{host}:{port}"
        named = next((name for name in self.served.certificate.names if name in hosts), host)
        return f"https://{named}:{port}"


def listening(workspace: Workspace, host: str) -> Listening:
    """Return how to listen on `host`; raises BadInput where that may not be, Unfit for a certificate or key."""
    network = workspace.settings.network
    check_bind(workspace.settings, host)
    files = network.files(workspace.home)

    def told(now: Certificate, why: Unfit | None) -> None:
        about: dict[str, Json] = {"serving": now.about(), **workspace.process}
        if why is not None:
            _LOG.error("not renewed: %s Still serving the one that expires %s.", why, now.expires)
            about["reason"] = why.public
        with suppress(MunimentError):
            workspace.audit.record([Entry("tls.refused" if why else "tls.renewed", _ITSELF, about)])

    served = Served(files, workspace.clock, told) if files else None
    return Listening(host, served, Proxies(network.proxies(), required=served is None and not is_local(host)))


def check_bind(settings: Settings, host: str) -> None:
    """Refuse to listen beyond this machine where what is said would travel in clear; raises BadInput."""
    network = settings.network
    if not (is_local(host) or network.certificate or network.trusted_proxies):
        raise BadInput(
            f"{host} can be reached from other machines, and questions, answers and tokens would travel in clear.",
            fix="Set network.certificate and network.key; or network.trusted_proxies, if a proxy before it "
            "speaks TLS; or listen on 127.0.0.1.",
        )


def is_local(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

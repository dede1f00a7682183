"""What an address leads to: this or another machine inside, the world outside, or where nothing may go."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Reach = Literal["never", "inside", "outside"]

_INSIDE = tuple(
    ipaddress.ip_network(one)
    for one in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
_METADATA = frozenset(
    ipaddress.ip_address(one)
    for one in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::23", "fd00:ec2::254")
)
"""Where clouds tell a machine its credentials, besides link-local addresses."""
_BEHIND_GATEWAYS = tuple(
    ipaddress.ip_network(one) for one in ("64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "::/96")
)
"""IPv6 networks whose addresses lead to an IPv4 one by some gateway or tunnel."""
_NUMERIC = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)


def reach(address: Address) -> Reach:
    """Return where an address leads; a mapped IPv4 address leads where that one does."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return reach(address.ipv4_mapped)
        address = ipaddress.IPv6Address(int(address))
        if address == ipaddress.IPv6Address("::1"):
            return "inside"
        if any(address in network for network in _BEHIND_GATEWAYS):
            inner = _inner(address)
            return "outside" if inner is not None and reach(inner) == "outside" else "never"
    if address in _METADATA or address.is_link_local or address.is_multicast or address.is_unspecified:
        return "never"
    if any(address in network for network in _INSIDE):
        return "inside"
    return "outside" if address.is_global else "never"


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a well-known translator would reach, where one is plain to see."""
    if address.sixtofour is not None:
        return address.sixtofour
    if address in ipaddress.ip_network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def literal(host: str) -> Address | None:
    """Return the address that a host is written as, None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_odd_spelling(host: str) -> bool:
    """Return whether a host is an address in disguise: decimal, octal, hexadecimal, shortened, or mapped."""
    found = literal(host)
    if isinstance(found, ipaddress.IPv6Address):
        return found.ipv4_mapped is not None or found.scope_id is not None
    return found is None and _NUMERIC.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None

"""What an operator says of all that leaves: which hosts for which purpose, by which way, under whose authorities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Purpose = Literal[
    "models", "identity", "keys", "database", "tools", "notifications", "audit", "telemetry", "sources"
]


@dataclass(frozen=True, slots=True)
class Place:
    """A host of a list, at one port or at any."""

    host: str
    """In lower case, without brackets."""
    port: int | None = None


@dataclass(frozen=True, slots=True)
class EgressRules:
    """The rules of one workspace; without any, whatever the settings name may be reached."""

    private: bool = False
    """Only listed hosts, and only at addresses inside the operator's own network."""
    lists: Mapping[Purpose, frozenset[Place]] = field(default_factory=dict)
    """A purpose that has a list reaches nothing else."""
    proxy: tuple[str, int] | None = None
    """Host and port of a proxy that takes CONNECT; it is asked for addresses outside only."""
    proxy_resolves: bool = False
    """The proxy is given names and looks them up by itself."""
    ca_file: Path | None = None
    """PEM file of the authorities that are trusted, instead of the public ones."""

    def lists_host(self, purpose: Purpose, host: str, port: int) -> bool:
        """Return whether a purpose may reach a host."""
        listed = self.lists.get(purpose)
        if listed is None:
            return not self.private
        return Place(host) in listed or Place(host, port) in listed

    def why(self, purpose: Purpose) -> str:
        """Return in words what lets a host of the settings be reached."""
        return (
            f"on network.allow.{purpose}"
            if purpose in self.lists or self.private
            else "named by the settings"
        )


OPEN = EgressRules()

"""Who caused an entry of the log. Lives beside the log so that the log knows nothing of identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """Who caused an entry of the log, and through which door."""

    ref: str
    via: Literal["cli", "http", "web", "python"]
    key: str = ""
    """Id of the API key that let it in."""
    service: str = ""
    """Ref of the service that acts for it by that key."""

    @property
    def door(self) -> str:
        """Return the door as the log names it: `http`, `http:key_…` where an API key opened it, or
        `http:key_…:service:NAME` where that service acts for somebody.
        """
        return ":".join(part for part in (self.via, self.key, self.service) if part)


OPERATOR = Actor("operator", "cli")
"""Whoever can open the workspace's keys on its own machine."""

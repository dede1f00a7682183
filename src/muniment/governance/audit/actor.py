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

    @property
    def door(self) -> str:
        """Return the door as the log names it: `http`, or `http:key_…` where an API key opened it."""
        return f"{self.via}:{self.key}" if self.key else self.via


OPERATOR = Actor("operator", "cli")
"""Whoever can open the workspace's keys on its own machine."""

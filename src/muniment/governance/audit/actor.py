"""Who caused an entry of the log. Lives beside the log so that the log knows nothing of identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """Who caused an entry of the log, and through which door."""

    ref: str
    via: Literal["cli", "http", "web", "python"]


OPERATOR = Actor("operator", "cli")
"""Whoever can open the workspace's keys on its own machine."""

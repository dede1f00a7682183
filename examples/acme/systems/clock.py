"""The only door to the clock; it can be set ahead, so that nobody has to wait for a day to pass."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The time of this machine, and some seconds more."""

    def __init__(self, ahead: int = 0) -> None:
        self._ahead = ahead

    def now(self) -> float:
        """Return seconds since 1970."""
        return time.time() + self._ahead

    def stamp(self) -> str:
        """Return the moment as it is stored and sent, such as `2026-11-27T20:25:30Z`."""
        return stamp(datetime.fromtimestamp(self.now(), UTC))

    def age(self, moment: str) -> float:
        """Return how many seconds ago a stored moment was."""
        return self.now() - datetime.fromisoformat(moment).timestamp()


def stamp(moment: datetime) -> str:
    """Return a moment in UTC to the second; two of them compare as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""The door to the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Wall time in UTC and a monotonic stopwatch."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        return datetime.now(UTC)

    def seconds(self) -> float:
        """Return a monotonic time in seconds, for measuring spans."""
        return time.perf_counter()


class FixedClock(Clock):
    """A clock that moves only when told to, for simulations and replays."""

    def __init__(self, at: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def seconds(self) -> float:
        return self._at.timestamp()

    def advance(self, **span: float) -> None:
        """Move forward by a `timedelta` given by its keywords."""
        self._at += timedelta(**span)


def timestamp(at: datetime) -> str:
    """Return RFC 3339 in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

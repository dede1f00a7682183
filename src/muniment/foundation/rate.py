"""How often something may happen: a token bucket for each key, refilled all the time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Protocol

from muniment.foundation.clock import Clock

MOST = 20_000
"""Buckets; the one that was not used for longest makes room."""


class Rates(Protocol):
    """Token buckets of one process (`Buckets`), or of several together (`SharedCounts.rates`)."""

    def take(self, key: str, per_minute: int) -> float:
        """Take one token of a bucket that holds a minute's; return 0, or in how many seconds there will be one."""
        ...

    def wait(self, key: str, per_minute: int) -> float:
        """Return in how many seconds a token can be taken, taking none."""
        ...


class Buckets:
    """Token buckets of one process; safe to share between threads."""

    def __init__(self, clock: Clock, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, per_minute: int) -> float:
        """Take one token of a bucket that holds a minute's; return 0, or in how many seconds there will be one."""
        with self._lock:
            left = self._left(key, per_minute)
            if left < 1.0:
                return (1.0 - left) * 60.0 / per_minute
            self._held[key] = (left - 1.0, self._clock.seconds())
            self._held.move_to_end(key)
            if len(self._held) > self._most:
                self._held.popitem(last=False)
            return 0.0

    def wait(self, key: str, per_minute: int) -> float:
        """Return in how many seconds a token can be taken, taking none."""
        with self._lock:
            return max(0.0, 1.0 - self._left(key, per_minute)) * 60.0 / per_minute

    def _left(self, key: str, per_minute: int) -> float:
        left, at = self._held.get(key, (float(per_minute), self._clock.seconds()))
        return min(float(per_minute), left + max(0.0, self._clock.seconds() - at) * per_minute / 60.0)

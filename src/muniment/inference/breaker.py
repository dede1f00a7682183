"""Leaves an endpoint alone for a while that has failed several times in a row, and then tries it with one request.

Invariants:
- while it rests, nothing is let through; after that, one request at a time, until one has succeeded;
- what ended without saying anything of the endpoint, such as a reader who left, changes nothing but to make room.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from muniment.foundation.clock import Clock

FAILURES = 5
"""In a row, before an endpoint is left alone."""
REST_SECONDS = 30.0


class Resting(Exception):
    """Nothing is let through for so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Pass:
    """One request was let through; how it ended is reported once."""

    is_trial: bool
    """Whether it is the one that finds out whether the endpoint has recovered."""


class Breaker:
    """What one process knows of how one endpoint fares; safe to share between threads."""

    def __init__(self, clock: Clock, failures: int = FAILURES, rest_seconds: float = REST_SECONDS) -> None:
        self._clock = clock
        self._most = failures
        self._rest = rest_seconds
        self._lock = threading.Lock()
        self._failed = 0
        self._until = 0.0
        self._on_trial = False

    @property
    def is_open(self) -> bool:
        """Return whether it has failed too often and has not succeeded since."""
        return self._failed >= self._most

    def admit(self) -> Pass:
        """Let a request through; raises Resting where none may go now."""
        with self._lock:
            if not self.is_open:
                return Pass(False)
            wait = self._until - self._clock.seconds()
            if wait > 0 or self._on_trial:
                raise Resting(max(wait, 1.0))
            self._on_trial = True
            return Pass(True)

    def succeeded(self, let: Pass) -> None:
        """Report that the endpoint answered."""
        with self._lock:
            self._failed = 0
            self._end(let)

    def failed(self, let: Pass) -> None:
        """Report that it did not."""
        with self._lock:
            # Of those that were let through before it was left alone, none makes it rest longer.
            if let.is_trial or not self.is_open:
                self._failed += 1
                self._until = self._clock.seconds() + self._rest
            self._end(let)

    def left(self, let: Pass) -> None:
        """Report that nothing was learnt."""
        with self._lock:
            self._end(let)

    def _end(self, let: Pass) -> None:
        if let.is_trial:
            self._on_trial = False

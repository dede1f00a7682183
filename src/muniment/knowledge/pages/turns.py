"""Who is shown a page next: few at one time, no person more than one of them, and nobody waits for long.

Invariants:
- one person holds one turn at a time, and so never all of them, whatever they ask for;
- whoever waits holds a thread of the server, so few wait for one person, and each of them for a bounded time.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from muniment.foundation.errors import TooMany

T = TypeVar("T")
WAITING_OF_ONE = 2
"""Requests of one person that may wait while another of theirs has its turn."""
LONGEST_WAIT = 20.0
"""Seconds."""


class Turns(Generic[T]):
    """Lends out a few things, one to a person; safe to share between threads."""

    def __init__(self, things: Sequence[T], longest_wait: float = LONGEST_WAIT) -> None:
        self._idle = list(things)
        self._longest = longest_wait
        self._changed = threading.Condition()
        self._asking: Counter[str] = Counter()
        self._having: set[str] = set()

    @contextmanager
    def turn(self, who: str) -> Generator[T]:
        """Lend one to `who`; raises TooMany where they have too much in hand, or nothing became free in time."""
        with self._changed:
            if self._asking[who] > WAITING_OF_ONE:
                raise TooMany("page-images", "Too many pages are being drawn for you.", 1.0)
            self._asking[who] += 1
            try:
                if not self._changed.wait_for(lambda: self._idle and who not in self._having, self._longest):
                    raise TooMany("page-images", "Too many pages are being drawn.", self._longest)
            except BaseException:
                self._leave(who)
                raise
            self._having.add(who)
            thing = self._idle.pop()
        try:
            yield thing
        finally:
            with self._changed:
                self._idle.append(thing)
                self._having.discard(who)
                self._leave(who)
                self._changed.notify_all()

    def _leave(self, who: str) -> None:
        self._asking[who] -= 1
        if not self._asking[who]:
            del self._asking[who]

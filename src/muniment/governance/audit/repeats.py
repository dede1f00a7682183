"""Entries that somebody could cause without end: written once in a while, with how often it happened.

Invariants:
- the first of a kind is durable when `record` returns;
- of what happens again within WINDOW no entry is written, and each is counted in a later one;
- memory is bounded: past `MOST` different ones, further ones share a line that says so.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Hashable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from muniment.foundation.clock import Clock
from muniment.foundation.errors import MunimentError
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog

WINDOW = 60.0
"""Seconds."""
MOST = 4096


@dataclass(slots=True)
class _Line:
    entry: Entry
    since: float
    further: int = 0


class Repeats:
    """What repeats, of one workspace; safe to share between threads."""

    def __init__(self, audit: AuditLog, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._lines: dict[Hashable, _Line] = {}
        self._lock = threading.Lock()

    def record(self, entry: Entry) -> None:
        """Write an entry unless the same was written within the window; raises Unavailable as the log does."""
        key: Hashable = (entry.kind, entry.actor.ref, str(sorted(entry.about.items())))
        with self._lock:
            due = self._ended()
            if key not in self._lines and len(self._lines) >= MOST:
                key, entry = entry.kind, Entry(entry.kind, entry.actor, {"others": True})
            line = self._lines.get(key)
            if line is None:
                self._lines[key] = _Line(entry, self._clock.seconds())
                due.append(entry)
            else:
                line.further += 1
        if due:
            self._audit.record(due)

    @contextmanager
    def kept(self) -> Generator[None]:
        """Let a thread write what was counted once its window is over, until the block ends, and then the rest."""
        stop = threading.Event()

        def keep() -> None:
            while not stop.wait(WINDOW):
                self.sweep()

        threading.Thread(target=keep, name="repeats", daemon=True).start()
        try:
            yield
        finally:
            stop.set()
            self.close()

    def sweep(self) -> None:
        """Write what was counted in windows that are over."""
        with self._lock:
            due = self._ended()
        with suppress(MunimentError):
            self._audit.record(due)

    def close(self) -> None:
        """Write what was counted and not yet written."""
        with self._lock:
            due = self._ended(all_of_them=True)
        with suppress(MunimentError):
            self._audit.record(due)

    def _ended(self, all_of_them: bool = False) -> list[Entry]:
        """Take out the lines whose window is over; return the entries of those that happened again."""
        now, ended = self._clock.seconds(), list[Entry]()
        for key, line in list(self._lines.items()):
            if not (all_of_them or now - line.since >= WINDOW):
                # Lines stand in the order in which they began.
                break
            del self._lines[key]
            if line.further:
                about = {**line.entry.about, "further": line.further}
                ended.append(replace(line.entry, about=about))
        return ended

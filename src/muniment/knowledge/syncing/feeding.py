"""Reading connected sources again and again: access by itself, content by itself, and the alarm when a lease ends.

Invariants:
- the access of no source waits for another source, nor for content;
- whatever cannot be read of one source, its settings included, holds up no other;
- what fails is tried again, access within a minute; until then its lease runs out and its documents are withheld;
- documents are withheld by whoever reads, not by this: here it is put on record.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Literal

from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.errors import Conflict, MunimentError
from muniment.foundation.repeating import repeated
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity import outside
from muniment.knowledge import library
from muniment.knowledge.sources.source_settings import SourceSettings
from muniment.knowledge.syncing import connection as connections
from muniment.knowledge.syncing.connection import Connected, Feed
from muniment.knowledge.syncing.sources import Sources

LOOK_SECONDS = 1.0
ACCESS_AT_ONCE = 16
"""Sources whose access is read at a time."""
_LONGEST_WAIT: Mapping[Feed, float] = {"access": 60.0, "content": 1800.0}
"""Between attempts that fail, at most."""
_REMOVAL_SECONDS = 5.0
"""Between attempts to go on with a removal."""
_ITSELF = Actor("muniment", "python")
Key = tuple[str, Literal["access", "content", "leaving"]]


class Feeding:
    """Keeps the connected sources of one workspace fresh while it serves."""

    def __init__(
        self, database: Database, audit: AuditLog, clock: Clock, sources: Callable[[], Sources]
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._sources = sources
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._busy: set[Key] = set()
        self._due: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._woken: dict[Key, int] = {}

    @contextmanager
    def running(self) -> Generator[None]:
        """Read sources as they are due, on threads of its own, while the block runs; a pass ends with its page."""
        self._stopping.clear()
        with ExitStack() as stack:
            access = ThreadPoolExecutor(ACCESS_AT_ONCE, "access")
            content = ThreadPoolExecutor(1, "content")
            stack.callback(content.shutdown, wait=False, cancel_futures=True)
            stack.callback(access.shutdown, wait=False, cancel_futures=True)
            stack.callback(self._stopping.set)
            stack.enter_context(repeated("sources", LOOK_SECONDS, lambda: self.look(access, content)))
            yield

    def look(self, access: ThreadPoolExecutor, content: ThreadPoolExecutor) -> None:
        """Put on record what is withheld by now, and begin what is due."""
        self.alarm()
        with self._database.read() as connection:
            known = connections.every_connected(connection)
            leaving = library.leaving(connection)
        for one in known:
            if one.state != "active":
                continue
            if self._is_due(one, "access"):
                access.submit(self._feed, one, "access")
            if self._is_due(one, "content"):
                content.submit(self._feed, one, "content")
        for name in leaving:
            if self._begins((name, "leaving")):
                content.submit(self._remove, name)

    def alarm(self) -> None:
        """Put on record each source whose lease ran out since the last look."""
        now = self._clock.now().timestamp()
        with self._database.read() as connection:
            leases = outside.leases(connection)
            lapsed = [
                one.name for one in self._unalarmed(connections.every_connected(connection), leases, now)
            ]
        if not lapsed:
            return
        with self._database.write() as connection:
            leases = outside.leases(connection)
            for one in self._unalarmed(connections.every_connected(connection), leases, now):
                connections.set_alarmed(connection, one.name, True)
                about = {"source": one.name, "late": round(now - leases[one.name].until, 1)}
                self._audit.append(connection, [Entry("source.withheld", _ITSELF, about)])

    def _unalarmed(
        self, known: list[Connected], leases: dict[str, outside.Lease], now: float
    ) -> list[Connected]:
        return [
            one
            for one in known
            if not one.alarmed and one.state != "leaving" and one.name in leases
            if not leases[one.name].runs(now)
        ]

    def _is_due(self, one: Connected, feed: Feed) -> bool:
        if feed == "content" and not one.access.ended:
            # Nobody could read it yet.
            return False
        key: Key = (one.name, feed)
        with self._lock:
            woken = self._woken.setdefault(key, one.woken) != one.woken
        if not woken and self._was_read(one, feed):
            return False
        if not self._begins(key, woken):
            return False
        with self._lock:
            self._woken[key] = one.woken
        return True

    def _was_read(self, one: Connected, feed: Feed) -> bool:
        """Return whether a pass, perhaps of another process, ended so lately that none is due."""
        try:
            every = _every(one.settings(), feed)
        except Exception:
            return False
        since = self._clock.now().timestamp() - (one.access if feed == "access" else one.content).ended
        # One that ended in the future ended before the clock was set back.
        return 0 <= since < every

    def _begins(self, key: Key, now: bool = False) -> bool:
        with self._lock:
            if key in self._busy or (not now and time.monotonic() < self._due.get(key, 0.0)):
                return False
            self._busy.add(key)
        return True

    def _feed(self, one: Connected, feed: Feed) -> None:
        key: Key = (one.name, feed)
        wait = _LONGEST_WAIT[feed]
        try:
            wait = _every(one.settings(), feed)
            if feed == "access":
                self._sources().sync_access(one.name, _ITSELF, self._go_on)
            else:
                self._sources().sync_content(one.name, _ITSELF, self._go_on)
            self._failures.pop(key, None)
        except _Stopping:
            wait = 0.0
        except Conflict:
            wait = min(wait, 5.0)
        except Exception as error:
            count = self._failures[key] = self._failures.get(key, 0) + 1
            wait = min(wait * 2 ** min(count, 8), _LONGEST_WAIT[feed])
            with suppress(MunimentError):
                self._failed(one.name, feed, count, error)
        finally:
            self._ends(key, wait)

    def _remove(self, name: str) -> None:
        """Go on with a removal that was begun and cut short."""
        wait = _REMOVAL_SECONDS
        try:
            self._sources().remove(name, _ITSELF, self._go_on, 0.0)
        except _Stopping:
            wait = 0.0
        except MunimentError:
            pass
        finally:
            self._ends((name, "leaving"), wait)

    def _go_on(self, *_said: object) -> None:
        if self._stopping.is_set():
            raise _Stopping

    def _ends(self, key: Key, wait: float) -> None:
        with self._lock:
            self._due[key] = time.monotonic() + wait
            self._busy.discard(key)

    def _failed(self, name: str, feed: Feed, count: int, error: Exception) -> None:
        """Keep why, and put the first of several failures on record."""
        code = error.code if isinstance(error, MunimentError) else type(error).__name__
        why = str(error) if isinstance(error, MunimentError) else f"It failed in a way not foreseen ({code})."
        with self._database.write() as connection:
            connections.failed(connection, name, feed, why)
            if count == 1:
                about = {"source": name, "feed": feed, "failures": count, "error": code}
                self._audit.append(connection, [Entry("source.failed", _ITSELF, about)])


class _Stopping(Exception):
    """The process ends."""


def _every(settings: SourceSettings, feed: Feed) -> float:
    return float(settings.access_seconds if feed == "access" else settings.content_seconds)

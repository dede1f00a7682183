"""Reading connected sources again and again: access by itself, content by itself, and the alarm when a lease ends.

Invariants:
- no source waits for another, and access never for content;
- what fails is tried again, access within a minute; until then its lease runs out and its documents are withheld;
- documents are withheld by whoever reads, not by this: here it is put on record.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.errors import Conflict, MunimentError
from muniment.foundation.repeating import repeated
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity import outside
from muniment.knowledge.syncing import connection as connections
from muniment.knowledge.syncing.connection import Connected, Feed
from muniment.knowledge.syncing.sources import Sources

LOOK_SECONDS = 1.0
ACCESS_AT_ONCE = 4
"""Sources whose access is read at a time."""
_LONGEST_WAIT: Mapping[Feed, float] = {"access": 60.0, "content": 1800.0}
"""Between attempts that fail, at most."""
_ITSELF = Actor("muniment", "python")


class Feeding:
    """Keeps the connected sources of one workspace fresh while it serves."""

    def __init__(
        self, database: Database, audit: AuditLog, clock: Clock, sources: Callable[[], Sources]
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._sources = sources
        self._lock = threading.Lock()
        self._busy: set[tuple[str, Feed]] = set()
        self._due: dict[tuple[str, Feed], float] = {}
        self._failures: dict[tuple[str, Feed], int] = {}
        self._woken: dict[tuple[str, Feed], int] = {}

    @contextmanager
    def running(self) -> Generator[None]:
        """Read sources as they are due, on threads of its own, while the block runs."""
        with ExitStack() as stack:
            access = ThreadPoolExecutor(ACCESS_AT_ONCE, "access")
            content = ThreadPoolExecutor(1, "content")
            stack.callback(content.shutdown, wait=False, cancel_futures=True)
            stack.callback(access.shutdown, wait=False, cancel_futures=True)
            stack.enter_context(repeated("sources", LOOK_SECONDS, lambda: self.look(access, content)))
            yield

    def look(self, access: ThreadPoolExecutor, content: ThreadPoolExecutor) -> None:
        """Put on record what is withheld by now, and begin what is due."""
        self.alarm()
        with self._database.read() as connection:
            known = connections.every_connected(connection)
        for one in known:
            if one.state != "active":
                continue
            if self._is_due(one, "access"):
                access.submit(self._feed, one, "access")
            if self._is_due(one, "content"):
                content.submit(self._feed, one, "content")

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
        key: tuple[str, Feed] = (one.name, feed)
        with self._lock:
            if key in self._busy:
                return False
            woken = self._woken.get(key) not in (None, one.woken)
            if not woken and time.monotonic() < self._due.get(key, 0.0):
                return False
            if feed == "content" and not one.access.ended:
                # Nobody could read it yet.
                return False
            self._busy.add(key)
            self._woken[key] = one.woken
        return True

    def _feed(self, one: Connected, feed: Feed) -> None:
        key: tuple[str, Feed] = (one.name, feed)
        wait = _LONGEST_WAIT[feed]
        try:
            settings = one.settings()
            wait = float(settings.access_seconds if feed == "access" else settings.content_seconds)
            if feed == "access":
                self._sources().sync_access(one.name, _ITSELF)
            else:
                self._sources().sync_content(one.name, _ITSELF)
            self._failures.pop(key, None)
        except Conflict:
            wait = min(wait, 5.0)
        except Exception as error:
            count = self._failures[key] = self._failures.get(key, 0) + 1
            wait = min(wait * 2 ** min(count, 8), _LONGEST_WAIT[feed])
            about = {"source": one.name, "feed": feed, "failures": count, "error": _code(error)}
            if count == 1:
                with suppress(MunimentError):
                    self._audit.record([Entry("source.failed", _ITSELF, about)])
        finally:
            with self._lock:
                self._due[key] = time.monotonic() + wait
                self._busy.discard(key)


def _code(error: Exception) -> str:
    return error.code if isinstance(error, MunimentError) else type(error).__name__

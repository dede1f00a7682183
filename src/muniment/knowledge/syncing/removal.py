"""Removing a source with everything of it.

Invariants:
- the first transaction takes it from every reader, and lets nothing new of it be stored;
- each step may be done again: a removal that was cut short goes on where it was;
- its name is free again only once nothing of it is left in tables, index and write-ahead log but the ids of its
  documents. The log keeps what was done, and conversations what was said, which is withheld.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from muniment.foundation.clock import timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import Conflict, NotFound, Unavailable
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.frozen import is_frozen
from muniment.governance.identity import outside
from muniment.knowledge import library, source_condition, withdrawal
from muniment.knowledge.ingestion.index_writer import IndexWriter
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.ingestion.turn import turn
from muniment.knowledge.syncing import connection as connections
from muniment.knowledge.syncing.connection import Feed
from muniment.knowledge.syncing.tables import (
    source_account,
    source_connection,
    source_item,
    source_scope,
    source_team,
)

WAIT_SECONDS = 600.0
"""How long to wait for a pass that is under way; it ends with its next page."""
_POLL_SECONDS = 0.2
_DOCUMENTS, _ROWS = 100, 500
"""Of one transaction."""

Step = Literal["wait", "index", "delete", "scrub"]
OnStep = Callable[[Step, int, int], None]
"""Called with the step, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed."""

    documents: int
    """That the source ever had, as far as they were still stored."""
    quarantined: int
    """Damaged index files in quarantine; they may hold something of it, and are the operator's to delete."""


class Removal:
    """Removes sources of one workspace."""

    def __init__(self, parts: Parts, index: IndexWriter) -> None:
        self._parts = parts
        self._index = index

    def run(
        self,
        name: str,
        by: Actor,
        on_step: OnStep = lambda _step, _done, _total: None,
        wait: float = WAIT_SECONDS,
    ) -> Removed:
        """Remove a source, or go on with that.

        Raises NotFound, Conflict where it is frozen or still being read after `wait` seconds, and Unavailable while
        readers hold an older state. It is withdrawn all the same, and `serve` finishes it.
        """
        parts = self._parts
        documents = self._withdraw(name, by)
        on_step("wait", 0, 1)
        with ExitStack() as held:
            for feed in ("access", "content"):
                held.enter_context(_waited(parts.database, name, feed, wait))
            with parts.database.read() as connection:
                if not library.is_leaving(connection, name):
                    # Another process removed it meanwhile.
                    return Removed(len(documents), self._quarantined())
            on_step("wait", 1, 1)
            self._expel(documents, by, on_step, wait)
            self._delete(name, documents, on_step)
            on_step("scrub", 0, 1)
            self._scrub()
            with parts.database.write() as connection:
                connection.execute(sa.delete(source_connection).where(source_connection.c.source == name))
                withdrawal.drop_source(connection, name)
                about = {"source": name, "documents": len(documents)}
                parts.audit.append(connection, [Entry("source.removed", by, about)])
        parts.database.scrub()
        on_step("scrub", 1, 1)
        return Removed(len(documents), self._quarantined())

    def _withdraw(self, name: str, by: Actor) -> list[str]:
        """Take the source from every reader; return its documents."""
        with self._parts.database.write() as connection:
            if source_condition.find(connection, name) is None:
                raise NotFound(f"No source named {name}.", fix="See `muniment sources list`.")
            if not library.is_leaving(connection, name):
                if is_frozen(connection, "source", name):
                    raise Conflict(
                        f"The source {name} is frozen by an incident, whose evidence it may be.",
                        fix="End the freeze on the page of incidents first.",
                    )
                connections.set_state(connection, name, "leaving")
                outside.forget(connection, name)
                count = withdrawal.withdraw(connection, name, timestamp(self._parts.clock.now()))
                about = {"source": name, "documents": count}
                self._parts.audit.append(connection, [Entry("source.withdrawn", by, about)])
            return withdrawal.documents_of(connection, name)

    def _expel(self, documents: list[str], by: Actor, on_step: OnStep, wait: float) -> None:
        on_step("index", 0, 1)
        with turn(self._parts.database, wait):
            self._index.expel(documents, by)
        on_step("index", 1, 1)

    def _delete(self, name: str, documents: list[str], on_step: OnStep) -> None:
        """Delete what is stored of documents, then what is mirrored, some in each transaction."""
        database = self._parts.database
        key = self._parts.keyring.data_key("identifiers")
        for start in range(0, len(documents), _DOCUMENTS):
            on_step("delete", start, len(documents))
            with database.write() as connection:
                withdrawal.expunge(connection, key, name, documents[start : start + _DOCUMENTS])
        for table in (source_item, source_scope, source_account, source_team):
            some = sa.select(table.c.id).where(table.c.source == name).limit(_ROWS)
            while True:
                with database.write() as connection:
                    ids = list(connection.execute(some).scalars())
                    connection.execute(sa.delete(table).where(table.c.source == name, table.c.id.in_(ids)))
                if len(ids) < _ROWS:
                    break
        on_step("delete", len(documents), len(documents))

    def _scrub(self) -> None:
        if not self._parts.database.scrub():
            raise Unavailable(
                "Somebody still reads an older state of the database.",
                fix="Run it again: it goes on from there.",
            )

    def _quarantined(self) -> int:
        return len(list(self._parts.segments.quarantined.glob("*.segment")))


@contextmanager
def alone(database: Database, name: str, feed: Feed) -> Generator[None]:
    """Hold the right to read a feed of a source; raises Conflict where another process reads it."""
    # A name may hold what no file name can.
    mark = hashlib.sha256(name.encode()).hexdigest()[:16]
    with database.alone(f"{feed}-{mark}"):
        yield


@contextmanager
def _waited(database: Database, name: str, feed: Feed, seconds: float) -> Generator[None]:
    until = time.monotonic() + seconds
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(alone(database, name, feed))
                break
            except Conflict:
                if time.monotonic() >= until:
                    raise Conflict(
                        f"The source {name} is withdrawn, and still being read by another process.",
                        fix="Run it again: it goes on from there; `muniment serve` does so by itself.",
                    ) from None
            time.sleep(_POLL_SECONDS)
        yield

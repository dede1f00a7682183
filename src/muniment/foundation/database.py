"""The port to a workspace's database, and what both kinds share: one schema, one line of migrations.

Invariants of each:
- writers take turns, and a write returns only after it is durable;
- a read transaction sees one snapshot;
- a database of a newer schema is refused, an older one is migrated before use.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from muniment.foundation.clock import Clock
from muniment.foundation.errors import NotSetUp

metadata = sa.MetaData()
"""Every room registers its tables here."""

HEAD = "0034"
"""The schema revision that this code reads and writes."""

BUSY_SECONDS = 30
"""How long a writer waits for its turn."""

CONFINE = "confine"
"""Execution option of a connection whose database can hold back rows by itself."""

CLOCK = "clock"
"""Where a connection keeps the clock of its workspace."""
_REAL = Clock()

Confine = Callable[[sa.Connection, Collection[str], Collection[str] | None], None]


@dataclass(frozen=True, slots=True)
class Condition:
    """How a database is."""

    says: str
    warning: str = ""
    """What is not as it should be, though nothing is broken."""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Lent:
    """An engine on a workspace's database; whoever asked for it disposes of it."""

    engine: sa.Engine
    schema: str | None
    """Where the library's tables belong, beside the workspace's; None where a database has no schemas."""


class Database(Protocol):
    """Read and write transactions on the database of one workspace."""

    @property
    def place(self) -> str:
        """Where it lies, in words that hold no secret."""
        ...

    @property
    def beside(self) -> str | None:
        """The schema of tables that a library keeps of its own; None where a database has no schemas."""
        ...

    def read(self) -> AbstractContextManager[sa.Connection]:
        """A snapshot; raises Unavailable or NotSetUp when it cannot be read."""
        ...

    def write(self) -> AbstractContextManager[sa.Connection]:
        """A transaction that no other writer interleaves, durable when the block ends, undone when it raises."""
        ...

    def alone(self, work: str) -> AbstractContextManager[Callable[[], None]]:
        """Hold what one process at a time may do; raises Conflict where another does it.

        What it gives raises Unavailable once that is not held any more, though the process lives.
        """
        ...

    def lend(self) -> Lent:
        """Return an engine for a library that keeps tables of its own here."""
        ...

    def exists(self) -> bool:
        """Return whether a workspace's schema is there; its key is not needed."""
        ...

    def create(self) -> None:
        """Make the schema, whole or not at all; raises Conflict where there is one."""
        ...

    def check(self) -> None:
        """Refuse a missing, foreign or newer database; migrate an older one."""
        ...

    def examine(self) -> Condition:
        """Return how it is; raises what is broken."""
        ...

    def scrub(self) -> bool:
        """Take what was deleted out of what it keeps beside its tables; return whether all of it is gone."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...

    def discard(self) -> None:
        """Close and remove a database that this object made and that holds nothing yet."""
        ...


def confine(
    connection: sa.Connection, entries: Collection[str], labels: Collection[str] | None = None
) -> None:
    """Let the rest of a read transaction see only rows that access lists open to these entries.

    With `labels`, only of lists that carry one of them.
    A second barrier behind the code that asks; a database without row-level rules does nothing here.
    """
    rule: Confine | None = connection.get_execution_options().get(CONFINE)
    if rule is not None:
        rule(connection, entries, labels)


def moment(connection: sa.Connection) -> datetime:
    """Return the time, by the clock of the workspace that the connection belongs to, where it has one."""
    clock = connection.info.get(CLOCK)
    return (clock if isinstance(clock, Clock) else _REAL).now()


def storable(text: str) -> bool:
    """Return whether every database can hold and compare this text."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def is_current(place: str, found: str | None) -> bool:
    """Return whether a schema revision is that of this code; raises NotSetUp for a newer one."""
    if found is not None and found > HEAD:
        raise NotSetUp(
            f"{place} has schema {found}; this version knows up to {HEAD}.",
            fix="Use the newer muniment that wrote it.",
        )
    return found == HEAD


def migrate(connection: sa.Connection) -> None:
    """Bring the schema behind a connection up to date."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

"""What an asker of a suite may read now, and what of that whoever looks after the suite may be told.

Invariants:
- everything is read with the asker's rights, as of one snapshot;
- whoever looks after the suite without holding the keys is shown no text that they may not read themselves.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from muniment.foundation.database import Database
from muniment.foundation.errors import Denied
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.decision import WORKSPACE
from muniment.knowledge import library
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.retrieval.visibility import visible


@dataclass(frozen=True, slots=True)
class Sees:
    """The documents of one asker, inside one read transaction."""

    readable: Mapping[str, DocumentRow]
    """By id."""
    shown: frozenset[str]
    """Ids of those whose text may be told."""
    connection: sa.Connection
    _by_path: dict[str, list[DocumentRow]] = field(default_factory=dict[str, list[DocumentRow]])

    def at(self, path: str) -> list[DocumentRow]:
        """Return the readable documents at a path, in whatever source."""
        if not self._by_path:
            for row in self.readable.values():
                self._by_path.setdefault(row.path, []).append(row)
        return self._by_path.get(path, [])

    def text(self, row: DocumentRow) -> str | None:
        """Return a document's text as it stands now; None where it may not be told."""
        if row.id not in self.shown:
            return None
        return library.version_text(self.connection, row.id, row.version)


@contextmanager
def sees(database: Database, policy: Policy, asker: Principal, who: Principal | None) -> Generator[Sees]:
    """Give what an asker may read; `who` looks after the suite, None is whoever can open the keys.

    Nothing is readable for an asker who cannot be judged, or whom policy lets read no document.
    """
    own = None if who is None else frozenset(_readable(database, policy, who))
    with database.read() as connection:
        readable = _within(connection, policy, asker)
        shown = frozenset(readable) if own is None else own.intersection(readable)
        yield Sees(readable, shown, connection)


def _readable(database: Database, policy: Policy, principal: Principal) -> Mapping[str, DocumentRow]:
    # A transaction of its own: a database may confine one to what the first who is judged may read.
    with database.read() as connection:
        return _within(connection, policy, principal)


def _within(connection: sa.Connection, policy: Policy, principal: Principal) -> Mapping[str, DocumentRow]:
    try:
        rights = visible(connection, principal)
        if (
            not policy.standing(connection, principal, rights.grants)
            .decide("read_document", WORKSPACE)
            .allowed
        ):
            return {}
    except Denied:
        return {}
    rows = library.documents(connection)
    for part in (rows[at : at + 500] for at in range(0, len(rows), 500)):
        rights.judge(part)
    return {row.id: row for row in rows if rights.may_read(row)}

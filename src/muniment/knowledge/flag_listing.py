"""Flags of a source's documents, for whoever looks after it.

Invariant: who is not the operator is told of documents that they may read, and of flags that depend on those alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.foundation.database import Database, storable
from muniment.foundation.errors import Denied, NotFound
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Resource
from muniment.knowledge import library
from muniment.knowledge.flags import Flag, FlagKind, document_flag, flags_of
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.retrieval.visibility import visible
from muniment.knowledge.tables import document

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

_PART = 500


@dataclass(frozen=True, slots=True)
class Flagged:
    """A document's current version and what was noted about it."""

    document: DocumentRow
    flags: tuple[Flag, ...]


class FlagListing:
    """The flags of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy

    def of(
        self, source: str, kind: FlagKind | None, limit: int, who: Principal | None, by: Actor
    ) -> list[Flagged]:
        """Return flagged documents of a source by id, all kinds or those with one; None is the operator.

        Raises NotFound for no such source, also where policy refuses to show it.
        """
        found: list[Flagged] = []
        with self._database.read() as connection:
            known = storable(source) and source in library.source_names(connection)
            if not known or not self._shows(connection, source, who):
                raise NotFound("No source of this name.")
            rows = _flagged(connection, source, kind)
            try:
                sees = None if who is None else visible(connection, who)
            except Denied:
                rows, sees = iter(()), None
            for row in rows:
                if who is not None and (sees is None or not sees.may_read(row)):
                    continue
                flags = flags_of(connection, row.id, row.version)
                told = tuple(one for one in flags if who is None or one.alone)
                if told and (kind is None or any(one.kind == kind for one in told)):
                    found.append(Flagged(row, told))
                if len(found) == limit:
                    break
        self._audit.record([Entry("source.flags_read", by, {"source": source, "documents": len(found)})])
        return found

    def _shows(self, connection: sa.Connection, source: str, who: Principal | None) -> bool:
        if who is None:
            return True
        standing = self._policy.standing(connection, who)
        return standing.decide("read_source", Resource("Source", source)).allowed


def _flagged(connection: sa.Connection, source: str, kind: FlagKind | None) -> Iterator[DocumentRow]:
    """Yield the documents that have a flag, some in each statement."""
    mine = sa.and_(document_flag.c.document == document.c.id, document_flag.c.version == document.c.version)
    if kind is not None:
        mine = sa.and_(mine, document_flag.c.kind == kind)
    last = ""
    while True:
        query = (
            sa.select(document.c.id)
            .where(document.c.source == source, document.c.state == "live", document.c.id > last)
            .where(sa.exists().where(mine))
            .order_by(document.c.id)
            .limit(_PART)
        )
        names = list(connection.execute(query).scalars())
        rows = library.get_documents(connection, names) if names else {}
        yield from (rows[name] for name in names if name in rows)
        if len(names) < _PART:
            return
        last = names[-1]

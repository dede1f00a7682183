"""Where a document comes from, how fresh it is, and through what its reader may read it.

Invariants:
- only who may read the document learns any of it, from the snapshot in which that was decided;
- of its access list a reader sees the entries that open it to them; the others only where policy shows them sources
  or the directory, and then the log says so first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.foundation.database import Database, storable
from muniment.foundation.errors import Denied, NotFound
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import DIRECTORY, Decision, Resource
from muniment.governance.policy.rules import Standing
from muniment.knowledge import document_labels, library
from muniment.knowledge.access import AccessList
from muniment.knowledge.document_labels import NOTHING, Reason
from muniment.knowledge.flags import Flag, flags_of
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.quarantine import Case, case_of
from muniment.knowledge.reading import ABSENT
from muniment.knowledge.retrieval.visibility import visible
from muniment.knowledge.tables import source

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a reader may know of a document besides its words."""

    source: str
    synced_at: str | None
    """When its source was last read to the end; None where it never was."""
    version: int
    """The current one."""
    through: tuple[str, ...]
    """Entries that open it to this reader."""
    access: AccessList | None
    """The whole list, where the reader may see it."""
    sensitivity: str | None
    """Its label as of now."""
    raised_by: tuple[Reason, ...]
    """What raises it to that, besides its list."""
    flags: tuple[Flag, ...] = ()
    """What ingestion noted about the current version, as far as it depends on that alone."""
    released: Case | None = None
    """That it was held back and let through; by whom and why is told where the whole list is."""


class Provenances:
    """Tells the readers of one workspace where documents come from."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy

    def of(self, principal: Principal, document_id: str, by: Actor) -> Provenance:
        """Return where a document comes from.

        Raises NotFound, with the words of `Reading.read`, for what is absent or not readable; Unavailable when a
        list that is shown cannot be recorded.
        """
        with self._database.read() as connection:
            found = self._found(connection, principal, document_id)
        if found is None:
            raise NotFound(ABSENT)
        row, decision, made = found
        if made.access is not None:
            about: dict[str, Json] = {"principal": principal.ref, **decision.stated(), "document": row.id}
            self._audit.record([Entry("access.list_read", by, about)])
        return made

    def _found(
        self, connection: sa.Connection, principal: Principal, document_id: str
    ) -> tuple[DocumentRow, Decision, Provenance] | None:
        if not storable(document_id):
            return None
        try:
            sees = visible(connection, principal)
        except Denied:
            return None
        row = library.get_document(connection, document_id)
        if row is None or not sees.may_read(row):
            return None
        access = library.access_lists(connection, [row.access_class])[row.access_class]
        decision = _shows_lists(self._policy.standing(connection, principal, sees.grants), row.source)
        synced = sa.select(source.c.synced_at).where(source.c.name == row.source)
        case = case_of(connection, row.id, row.content_hash)
        made = Provenance(
            source=row.source,
            synced_at=connection.execute(synced).scalar(),
            version=row.version,
            through=tuple(sorted(access.allow & sees.grants)),
            access=access if decision.allowed else None,
            sensitivity=access.sensitivity,
            raised_by=document_labels.labels_of(connection, [row.id]).get(row.id, NOTHING).reasons,
            flags=tuple(one for one in flags_of(connection, row.id, row.version) if one.alone),
            released=case if case is None or decision.allowed else replace(case, reason="", by=""),
        )
        return row, decision, made


def _shows_lists(standing: Standing, source_name: str) -> Decision:
    decision = standing.decide("read_source", Resource("Source", source_name))
    return decision if decision.allowed else standing.decide("read_directory", DIRECTORY)

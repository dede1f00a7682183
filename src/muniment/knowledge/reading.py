"""Reading a whole document: the same rule as search, and an entry in the log before the text is handed over."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.foundation.database import Database, storable
from muniment.foundation.errors import Denied, NotFound
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE, Decision
from muniment.governance.privacy.kinds import Finding
from muniment.knowledge import document_labels, library, name_labels, originals
from muniment.knowledge.document_labels import NOTHING, Reason
from muniment.knowledge.library import DocumentRow, VersionRow
from muniment.knowledge.retrieval.visibility import Visibility, visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

ABSENT = "No document with this id."
_LAST_VERSION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class DocumentRead:
    """A document as it stands now, and the version asked for."""

    document: DocumentRow
    version: VersionRow
    original: bytes | None = field(default=None, repr=False)
    """The bytes that the version was read from, where they were asked for and are kept."""
    sensitivity: str | None = None
    """The document's label as of now; None where it has none."""
    raised_by: tuple[Reason, ...] = ()
    """What raises that above its list's."""


class Reading:
    """Documents of one workspace, for those who may read them."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy

    def read(
        self, principal: Principal, document_id: str, version: int | None, by: Actor, original: bool = False
    ) -> DocumentRead:
        """Return a document at a version (None: the current one), with the bytes it was read from if `original`.

        Raises NotFound, with the same words, for what is absent, removed or not readable; Unavailable when the
        reading, or its refusal, cannot be recorded.
        """
        found: DocumentRead | None = None
        decision: Decision | None = None
        with self._database.read() as connection:
            try:
                sees = visible(connection, principal)
                standing = self._policy.standing(connection, principal, sees.grants)
                decision = standing.decide("read_document", WORKSPACE)
                found = _find(connection, sees, document_id, version) if decision.allowed else None
                if found is not None and original:
                    at = found.version
                    found = replace(found, original=originals.original(connection, at.document, at.version))
            except Denied:
                found = None
        about: dict[str, Json] = {"principal": principal.ref}
        if decision is not None:
            about |= decision.stated()
        if found is None:
            asked = document_id[:64].encode("utf-8", "backslashreplace").decode()
            why = "policy" if decision is not None and not decision.allowed else "document"
            refused = {**about, "document": asked, "effect": "deny", "reason": why}
            self._audit.record([Entry("document.refused", by, refused)])
            raise NotFound(ABSENT)
        about |= {"document": found.document.id, "version": found.version.version}
        self._audit.record([Entry("document.read", by, about)])
        return found

    def names(
        self, read: DocumentRead, start: int, end: int, not_names: Collection[str]
    ) -> tuple[Finding, ...] | None:
        """Return the names labelled in a stretch of what was read; None where not all of it is labelled."""
        with self._database.read() as connection:
            return name_labels.names_near(connection, read.version, start, end, not_names)


def _find(
    connection: sa.Connection, sees: Visibility, document_id: str, version: int | None
) -> DocumentRead | None:
    if not (document_id.isascii() and storable(document_id)) or (
        version is not None and not 1 <= version <= _LAST_VERSION
    ):
        return None
    row = library.get_document(connection, document_id)
    if row is None or not sees.may_read(row):
        return None
    stored = library.version_row(connection, row.id, row.version if version is None else version)
    if stored is None:
        return None
    label = document_labels.labels_of(connection, [row.id]).get(row.id, NOTHING)
    return DocumentRead(row, stored, sensitivity=sees.sensitivity_of(row), raised_by=label.reasons)

"""The last look before a claim is given: what its reader may read at that very moment.

Invariants:
- nothing is given before its entry in the log is durable, nor where rights moved while it was written;
- what a reader may not read any more has no title, no number and no count in what is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assistant.gate import Verified
from muniment.assistant.shown import Shown
from muniment.assistant.values import Citation, Claim, Nearest
from muniment.foundation import revisions
from muniment.foundation.database import Database
from muniment.foundation.errors import Denied
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE
from muniment.knowledge import library
from muniment.knowledge.passage import Passage
from muniment.knowledge.retrieval.visibility import Visibility, visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

MOST_NEAREST = 3


@dataclass(frozen=True, slots=True)
class Reader:
    """Who an answer is for."""

    principal: Principal
    by: Actor
    answer_id: str
    policy: str
    """The policy under which the question was admitted."""


class Release:
    """Gives claims, one by one."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy, earlier: bool = False) -> None:
        """With `earlier`, what stands in an earlier version of a document that may be read now is given too."""
        self._earlier = earlier
        self._database = database
        self._audit = audit
        self._policy = policy

    def give(
        self, reader: Reader, verified: Verified, earlier: Sequence[Claim], shown: Shown
    ) -> Claim | None:
        """Read the reader's rights now and put the claim on record; None when it may not be given."""
        with self._database.read() as connection:
            visibility = self.rights(connection, reader.principal)
            readable = visibility is not None and self._stands(connection, visibility, verified)
        if visibility is None or not readable:
            return None
        claim = shown.claim(_claim(verified, earlier), verified.evidence)
        about: dict[str, Json] = {
            "answer": reader.answer_id,
            "claim": len(earlier) + 1,
            "text": self._audit.commitment(claim.text),
            "policy": reader.policy,
            "revisions": _revisions(visibility.revisions),
            "citations": [
                {"document": c.document, "version": c.version, "span": list(c.span)} for c in claim.citations
            ],
        }
        self._audit.record([Entry("answer.claim", reader.by, about)])
        return claim if self._still_stands(reader.principal, visibility, verified) else None

    def _still_stands(self, principal: Principal, before: Visibility, verified: Verified) -> bool:
        """Rights may have moved while the entry was written."""
        with self._database.read() as connection:
            if revisions.current(connection) == before.revisions:
                return True
            now = self.rights(connection, principal)
            return now is not None and self._stands(connection, now, verified)

    def _stands(self, connection: sa.Connection, visibility: Visibility, verified: Verified) -> bool:
        """Whether each quote stands in a version that may be shown, of a document that its reader may read."""
        for evidence in verified.evidence:
            passage = evidence.passage
            document = library.get_document(connection, passage.document)
            if document is None or not visibility.may_read(document):
                return False
            if document.version != passage.version and not self._earlier:
                return False
            text = library.version_slice(connection, passage.document, passage.version, *evidence.span)
            if text != evidence.quote:
                return False
        return True

    def all_readable(self, principal: Principal, passages: Sequence[Passage]) -> bool:
        """Return whether the principal may read every one of these passages now, as they were found."""
        with self._database.read() as connection:
            visibility = self.rights(connection, principal)
            if visibility is None:
                return False
            found = library.get_documents(connection, sorted({passage.document for passage in passages}))
            return all(
                (document := found.get(passage.document)) is not None
                and document.version == passage.version
                and visibility.may_read(document)
                for passage in passages
            )

    def rights(self, connection: sa.Connection, principal: Principal) -> Visibility | None:
        """Return what the principal may read now; None where policy no longer lets it ask at all."""
        try:
            found = visible(connection, principal)
            standing = self._policy.standing(connection, principal, found.grants)
        except Denied:
            return None
        return found if standing.decide("ask", WORKSPACE).allowed else None


def may_read(connection: sa.Connection, visibility: Visibility | None, claim: Claim) -> bool:
    """Return whether each document that a claim cites may be read."""
    if visibility is None:
        return False
    documents = [library.get_document(connection, citation.document) for citation in claim.citations]
    return all(document is not None and visibility.may_read(document) for document in documents)


def nearest(
    connection: sa.Connection, visibility: Visibility | None, passages: Sequence[Passage]
) -> tuple[Nearest, ...]:
    """Return the best of the documents found that may be read now, with their titles as they are now."""
    if visibility is None:
        return ()
    found: list[Nearest] = []
    for document_id in dict.fromkeys(passage.document for passage in passages):
        document = library.get_document(connection, document_id)
        if document is not None and visibility.may_read(document):
            found.append(Nearest(document_id, document.title))
        if len(found) == MOST_NEAREST:
            break
    return tuple(found)


def _claim(verified: Verified, earlier: Sequence[Claim]) -> Claim:
    """Number the citations in order of first appearance; the same place keeps its number."""
    known = {(c.document, c.version, c.span): c.n for claim in earlier for c in claim.citations}
    citations: list[Citation] = []
    for evidence in verified.evidence:
        passage = evidence.passage
        place = (passage.document, passage.version, evidence.span)
        n = known.setdefault(place, len(known) + 1)
        citations.append(
            Citation(
                n,
                passage.document,
                passage.title,
                passage.version,
                passage.page_at(evidence.span[0]),
                evidence.span,
                evidence.quote,
                passage.sensitivity,
            )
        )
    return Claim(verified.text, tuple(citations), verified.inferred)


def _revisions(state: revisions.Revisions) -> dict[str, Json]:
    return {"directory": state.directory, "access": state.access, "content": state.content}

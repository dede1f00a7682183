"""Looking at what ingestion held back, and letting it through or not.

Invariants:
- policy lets somebody decide about a source; what is in a document they see only where its source's list, and the one
  that would rule, let them read it: to the others it is flags and counts;
- a decision is about the bytes that were looked at, and commits with its entry in the log;
- whom policy does not let decide is told the same as of a case that is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, storable
from muniment.foundation.errors import Conflict, Denied, NotFound
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.frozen import is_frozen
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE, Resource
from muniment.governance.policy.gate import Gate, NotPermitted
from muniment.governance.policy.roles import checked_reason
from muniment.knowledge import changes, library
from muniment.knowledge.access import nearest
from muniment.knowledge.flags import Flag, flags_of
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.quarantine import Case, State, cases, cases_named, put_case, withheld_text
from muniment.knowledge.retrieval.visibility import visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

REVIEW = "review_quarantine"
ABSENT = "Nothing of this name is held back."
Verdict = Literal["released", "rejected"]
_AROUND = 80
"""Characters of an excerpt on either side of what was flagged."""
_EXCERPTS = 10


@dataclass(frozen=True, slots=True)
class Listed:
    """A case of the queue; no word of the document is here."""

    case: Case
    source: str
    flags: tuple[Flag, ...]
    """Those that depend on the document alone; all of them for whoever can open the keys."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What was flagged, and what stands around it."""

    before: str
    flagged: str
    after: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A case, and as much of the document as whoever looks may read."""

    case: Case
    source: str
    flags: tuple[Flag, ...]
    """As in the list."""
    title: str | None
    """None where whoever looks may not read the document; then there are no excerpts either."""
    path: str | None
    excerpts: tuple[Excerpt, ...]


class QuarantineReview:
    """The review queue of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy, gate: Gate, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate
        self._clock = clock

    def listing(
        self, who: Principal | None, by: Actor, state: State = "held", limit: int = 200
    ) -> list[Listed]:
        """Return the cases about which somebody may decide, the longest held first; None may about all."""
        with self._database.read() as connection:
            sources = library.source_names(connection)
            if who is not None:
                standing = self._policy.standing(connection, who)
                sources = [one for one in sources if standing.decide(REVIEW, Resource("Source", one)).allowed]
            found = cases(connection, state, sources, limit)
            rows = library.get_documents(connection, [one.document for one in found]) if found else {}
            listed = [
                Listed(
                    one,
                    rows[one.document].source,
                    _told(flags_of(connection, one.document, one.version), who),
                )
                for one in found
            ]
        self._audit.record([Entry("quarantine.listed", by, {"state": state, "cases": len(listed)})])
        return listed

    def show(self, name: str, who: Principal | None, by: Actor) -> Shown:
        """Return one case; raises NotFound, also where policy refuses, and Unavailable if it cannot be recorded."""
        with self._database.read() as connection:
            case, row = self._found(connection, name)
            if who is not None and not self._may(connection, who, row.source):
                raise NotFound(ABSENT)
            flags = flags_of(connection, row.id, case.version)
            text = withheld_text(connection, case) or ""
            # The last thing that is read: from here on the database shows what this person may read alone.
            reads = who is None or self._reads(connection, who, row)
        about: dict[str, Json] = {**_about(case, row), "excerpt": reads}
        self._audit.record([Entry("quarantine.read", by, about)])
        return Shown(
            case=case,
            source=row.source,
            flags=_told(flags, who),
            title=row.title if reads else None,
            path=row.path if reads else None,
            excerpts=_excerpts(text, flags) if reads else (),
        )

    def decide(
        self,
        name: str,
        verdict: Verdict,
        reason: str,
        who: Principal | None,
        by: Actor,
        content_hash: str | None = None,
    ) -> Case:
        """Let a content through from the next request on, or not; `content_hash` is of the one that was looked at.

        Raises NotFound, also where policy refuses; BadInput for no reason; Conflict where the content is another.
        """
        why = checked_reason(reason)
        try:
            with self._gate.recorded(by), self._database.write() as connection:
                case, row = self._found(connection, name)
                stated = self._gate.check(connection, who, REVIEW, Resource("Source", row.source))
                if content_hash is not None and content_hash != case.content_hash:
                    raise Conflict(
                        "The document has changed meanwhile.", fix="Look at what is held back now."
                    )
                made = replace(case, state=verdict, reason=why, by=by.ref, at=timestamp(self._clock.now()))
                put_case(connection, made)
                changes.rule_documents(connection, row.source, [row])
                about: dict[str, Json] = {
                    **stated,
                    **_about(case, row),
                    "kinds": list(case.kinds),
                    "reason": self._audit.commitment(why),
                }
                self._audit.append(connection, [Entry(f"quarantine.{verdict}", by, about)])
        except NotPermitted:
            raise NotFound(ABSENT) from None
        return made

    def _found(self, connection: sa.Connection, name: str) -> tuple[Case, DocumentRow]:
        found = cases_named(connection, name) if name.isascii() and storable(name) else []
        if len(found) > 1:
            raise Conflict("Two contents of this document have this name.", fix="Take the document away.")
        row = library.get_document(connection, found[0].document) if found else None
        if row is None:
            raise NotFound(ABSENT)
        return found[0], row

    def _may(self, connection: sa.Connection, who: Principal, source: str) -> bool:
        return self._policy.standing(connection, who).decide(REVIEW, Resource("Source", source)).allowed

    def _reads(self, connection: sa.Connection, who: Principal, row: DocumentRow) -> bool:
        """Return whether somebody could read a document if it were let through."""
        by_hand = nearest(row.path, library.overrides(connection, row.source))
        stated = library.access_class_at(connection, row.source_access_class)
        if is_frozen(connection, "source", row.source):
            return False
        try:
            standing = self._policy.standing(connection, who)
            sees = visible(connection, who)
        except Denied:
            return False
        lists = [stated, by_hand or stated]
        return standing.decide("read_document", WORKSPACE).allowed and all(
            one is not None and sees.admits(one) for one in lists
        )


def _told(flags: Sequence[Flag], who: Principal | None) -> tuple[Flag, ...]:
    return tuple(one for one in flags if who is None or one.alone)


def _excerpts(text: str, flags: Sequence[Flag]) -> tuple[Excerpt, ...]:
    spans = [span for flag in flags if flag.kind == "injection" for span in flag.spans]
    return tuple(
        Excerpt(text[max(0, start - _AROUND) : start], text[start:end], text[end : end + _AROUND])
        for start, end in spans[:_EXCERPTS]
    )


def _about(case: Case, row: DocumentRow) -> dict[str, Json]:
    return {
        "document": case.document,
        "version": case.version,
        "source": row.source,
        "content": f"sha256:{case.content_hash}",
    }

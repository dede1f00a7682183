"""One question ranked in several ways for one principal, to learn which way serves that principal best.

Invariants:
- rights, content, index and the embedding model in use are read in one snapshot; only what the principal may read is
  ranked, under every way;
- no text leaves: the result is paths, and the log names each chunk that any of the orders holds before the caller
  has them; the question enters as a commitment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Denied
from muniment.foundation.revisions import current
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE, Decision
from muniment.inference.embedders import Embedders
from muniment.knowledge import library
from muniment.knowledge.retrieval import wording
from muniment.knowledge.retrieval.engine import Asked, Engine
from muniment.knowledge.retrieval.failing import told
from muniment.knowledge.retrieval.question import Questions
from muniment.knowledge.retrieval.rank import Hit, RankingSettings
from muniment.knowledge.retrieval.visibility import Visibility, visible

if TYPE_CHECKING:
    from muniment.governance.audit.log import AuditLog
    from muniment.governance.policy.decide import Policy

PURPOSE = "tune"
MOST = 100


class Comparison:
    """Ranks questions of one workspace in several ways."""

    def __init__(
        self,
        *,
        database: Database,
        engine: Engine,
        audit: AuditLog,
        policy: Policy,
        embedders: Embedders | None = None,
    ) -> None:
        self._database = database
        self._engine = engine
        self._audit = audit
        self._policy = policy
        self._questions = Questions(embedders or Embedders())

    @property
    def dense(self) -> bool:
        """Whether vectors take part."""
        with self._database.read() as connection:
            return self._questions.model(connection, current(connection)) is not None

    def orders(
        self, principal: Principal, question: str, ways: Sequence[RankingSettings], k: int, by: Actor
    ) -> list[tuple[str, ...]]:
        """Return, for each way, the paths of the documents of its best `k` chunks, best first.

        Raises BadInput for an empty question or a `k` outside 1..100, Denied where the principal may not search,
        Unavailable when the log cannot be written.
        """
        if not question.strip():
            raise BadInput("The question is empty.", fix="Say what to look for.")
        if not 1 <= k <= MOST:
            raise BadInput(f"k is {k}.", fix=f"Ask for 1 to {MOST} chunks.")
        about: dict[str, Json] = {
            "principal": principal.ref,
            "purpose": PURPOSE,
            "query": self._audit.commitment(question),
        }
        with told(self._audit, by, about):
            return self._orders(principal, question, ways, k, by, about)

    def _orders(
        self,
        principal: Principal,
        question: str,
        ways: Sequence[RankingSettings],
        k: int,
        by: Actor,
        about: Mapping[str, Json],
    ) -> list[tuple[str, ...]]:
        asked = wording.question(question)
        ahead = self._questions.ahead(asked.text)
        decision: Decision | None = None
        try:
            with self._database.read() as connection:
                visibility = visible(connection, principal)
                standing = self._policy.standing(connection, principal, visibility.grants)
                decision = standing.decide("search", WORKSPACE)
                if not decision.allowed:
                    raise Denied("You may not search here.", detail="; ".join(decision.reasons))
                made = self._questions.at(connection, visibility.revisions, asked.text, ahead)
                shown = _Shown(connection, visibility)
                orders = [
                    shown.readable(
                        self._engine.rank(
                            connection, visibility, Asked(asked, made.vector, made.digest, k, way)
                        ).hits
                    )
                    for way in ways
                ]
        except Denied:
            stated = decision.stated() if decision is not None else {}
            self._audit.record([Entry("search.refused", by, {**stated, **about, "effect": "deny"})])
            raise
        self._audit.record(self._entries(visibility, decision, question, shown, len(ways), k, by))
        return [tuple(dict.fromkeys(shown.path(hit) for hit in order)) for order in orders]

    def _entries(
        self,
        visibility: Visibility,
        decided: Decision,
        question: str,
        shown: _Shown,
        ways: int,
        k: int,
        by: Actor,
    ) -> list[Entry]:
        revisions = visibility.revisions
        decision: dict[str, Json] = {
            "principal": visibility.principal.ref,
            "effect": "allow",
            "purpose": PURPOSE,
            "policy": decided.policy,
            "revisions": {
                "directory": revisions.directory,
                "access": revisions.access,
                "content": revisions.content,
            },
        }
        request: dict[str, Json] = {
            **decision,
            **decided.stated(),
            "query": self._audit.commitment(question),
            "k": k,
            "ways": ways,
            "passages": len(shown.hits),
        }
        chunks = [
            Entry(
                "retrieval.chunk",
                by,
                {
                    **decision,
                    "document": hit.document,
                    "version": hit.version,
                    "chunk": f"{hit.document}:{hit.version}:{hit.ordinal}",
                },
            )
            for hit in sorted(shown.hits.values(), key=lambda hit: (hit.document, hit.ordinal))
        ]
        return [Entry("search.request", by, request), *chunks]


class _Shown:
    """The chunks that any order holds, each judged once in the snapshot."""

    def __init__(self, connection: sa.Connection, visibility: Visibility) -> None:
        self._connection = connection
        self._visibility = visibility
        self._documents: dict[str, library.DocumentRow | None] = {}
        self.hits: dict[tuple[str, int], Hit] = {}

    def readable(self, hits: Sequence[Hit]) -> list[Hit]:
        """Return the hits whose document may be read as indexed, and remember them."""
        kept = [hit for hit in hits if self._may_read(hit)]
        self.hits |= {(hit.document, hit.ordinal): hit for hit in kept}
        return kept

    def path(self, hit: Hit) -> str:
        """Return where a hit's document lies in its source."""
        document = self._documents[hit.document]
        return document.path if document is not None else ""

    def _may_read(self, hit: Hit) -> bool:
        if hit.document not in self._documents:
            found = library.get_document(self._connection, hit.document)
            if found is not None and not self._visibility.may_read(found):
                found = None
            self._documents[hit.document] = found
        document = self._documents[hit.document]
        # The index says the same already; a fault in it must still give nothing away.
        return document is not None and document.version == hit.version

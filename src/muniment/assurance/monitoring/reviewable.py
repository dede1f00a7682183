"""Which answers of others a reviewer may read now: those whose every document they could open themselves.

Invariants:
- policy must let them review this answer, and of each document that it cites or that was before it they may read all;
- a follow-up may repeat what was answered before it, so of the turns before it the same holds;
- what is missing, was withdrawn, or cannot be worked out is not reviewable.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from muniment.assistant.conversation_tables import conversation_turn
from muniment.assistant.lineage import Readable, answer, readable_by
from muniment.assurance.monitoring.population import cited, considered
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE, Decision, Resource
from muniment.governance.policy.gate import NotPermitted
from muniment.knowledge.retrieval.visibility import visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

REVIEW = "review_answers"


@dataclass(frozen=True, slots=True)
class Rests:
    """On what an answer rests."""

    asker: str
    documents: frozenset[str]


class Reviewer:
    """One reviewer, with their rights as of one transaction; valid inside it only."""

    def __init__(self, connection: sa.Connection, policy: Policy, principal: Principal) -> None:
        """Raises Denied for an inactive account; tables that no reader sees must have been read before."""
        self._connection = connection
        self._visibility = visible(connection, principal)
        self._standing = policy.standing(connection, principal, self._visibility.grants)
        self.principal = principal

    @cached_property
    def admitted(self) -> Decision:
        """Whether policy lets them review at all."""
        return self._standing.decide(REVIEW, WORKSPACE)

    @cached_property
    def readable(self) -> Readable:
        """Whether they may read the document of an id."""
        return readable_by(self._connection, self._visibility)

    def may_review(self, answer_id: str) -> bool:
        """Return whether they may read this answer as a reviewer."""
        return self.may_read(answer_id, rests_on(self._connection, answer_id))

    def may_read(self, answer_id: str, rests: Rests | None) -> bool:
        """Return the same where it is known what the answer rests on; None is nothing that may be reviewed."""
        if rests is None or not self.admitted.allowed:
            return False
        resource = Resource("Answer", answer_id, {"owner": rests.asker})
        if not self._standing.decide(REVIEW, resource).allowed:
            return False
        return all(self.readable(one) for one in rests.documents)


def admitted(connection: sa.Connection, policy: Policy, principal: Principal) -> Reviewer:
    """Return a reviewer; raises NotPermitted where policy does not let them review at all, and as `Reviewer` does."""
    reviewer = Reviewer(connection, policy, principal)
    if not reviewer.admitted.allowed:
        raise NotPermitted(principal, reviewer.admitted)
    return reviewer


def rests_on(connection: sa.Connection, answer_id: str) -> Rests | None:
    """Return on what an answer and the turns before it rest; None where one is missing or was withdrawn."""
    turn = conversation_turn.c
    place = connection.execute(
        sa.select(turn.conversation, turn.number).where(turn.answer == answer_id)
    ).first()
    ids = [answer_id]
    if place is not None:
        earlier = sa.select(turn.answer).where(
            turn.conversation == place.conversation, turn.number < place.number
        )
        ids += connection.execute(earlier).scalars()
    rows = connection.execute(sa.select(answer).where(answer.c.id.in_(ids))).mappings().all()
    found = {str(row["id"]): _documents(row) for row in rows}
    documents: set[str] = set()
    for one in ids:
        some = found.get(one)
        if some is None:
            return None
        documents |= some
    asker = next(str(row["principal"]) for row in rows if row["id"] == answer_id)
    return Rests(asker, frozenset(documents))


def _documents(row: sa.RowMapping) -> frozenset[str] | None:
    kept: dict[str, Any] = json.loads(row["answer"])
    lineage: dict[str, Any] = json.loads(row["lineage"])
    if kept["status"] == "refused":
        return None
    near = (str(one["document"]) for one in kept.get("nearest", ()))
    return frozenset({*cited(kept), *considered(lineage), *near})

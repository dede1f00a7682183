"""What people say of the answers they got: useful or not, why, and what would have been right.

Invariants:
- only whoever asked gives feedback on an answer, and what is given again replaces what was;
- the log says that it was given, and never what people wrote;
- what they wrote is read by an operator for a stated reason only, and the log says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assistant.lineage import answer, owned_by
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, metadata
from muniment.foundation.errors import BadInput, NotFound
from muniment.foundation.wellformed import check_text
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.roles import checked_reason

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

LONGEST_REASON = 2_000
LONGEST_RIGHT_ANSWER = 8_000

feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("answer", sa.Text, primary_key=True),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("useful", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("right_answer", sa.Text, nullable=False),
    sa.Index("feedback_at", "at"),
)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What somebody says of an answer."""

    useful: bool
    reason: str = ""
    right_answer: str = ""
    """What the answer should have said."""


@dataclass(frozen=True, slots=True)
class Given:
    """An opinion as it is stored."""

    answer: str
    principal: str
    at: str
    useful: bool
    has_reason: bool
    has_right_answer: bool
    words: Words | None = None
    """What people wrote, where it may be read."""

    def as_json(self) -> dict[str, Json]:
        """Return the opinion as one JSON object; without words where they are not to be read."""
        words = self.words
        return {
            "answer": self.answer,
            "principal": self.principal,
            "at": self.at,
            "useful": self.useful,
            "has_reason": self.has_reason,
            "has_right_answer": self.has_right_answer,
            **(
                {"question": words.question, "reason": words.reason, "right_answer": words.right_answer}
                if words
                else {}
            ),
        }


@dataclass(frozen=True, slots=True)
class Words:
    """What people wrote."""

    question: str
    reason: str
    right_answer: str


class Feedback:
    """The feedback of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._clock = clock

    def give(self, principal: Principal, answer_id: str, opinion: Opinion, by: Actor) -> str:
        """Store an opinion on an answer of one's own, in place of an earlier one; return when.

        Raises NotFound for an absent answer and for another's, BadInput for words that are no text or too many,
        Denied for an inactive principal.
        """
        _check(opinion.reason, "The reason", LONGEST_REASON)
        _check(opinion.right_answer, "The right answer", LONGEST_RIGHT_ANSWER)
        at = timestamp(self._clock.now())
        about: dict[str, Json] = {"answer": answer_id[:64], "principal": principal.ref}
        with self._database.write() as connection:
            decision, owned = owned_by(connection, self._policy, principal, answer_id)
            about |= decision.stated()
            if not owned:
                refused = {**about, "effect": "deny"}
                self._audit.append(connection, [Entry("feedback.refused", by, refused)])
            else:
                stored = {
                    "principal": principal.ref,
                    "at": at,
                    "useful": opinion.useful,
                    "reason": opinion.reason,
                    "right_answer": opinion.right_answer,
                }
                changed = connection.execute(
                    sa.update(feedback).where(feedback.c.answer == answer_id).values(stored)
                )
                if not changed.rowcount:
                    connection.execute(sa.insert(feedback).values(answer=answer_id, **stored))
                about |= {
                    "useful": opinion.useful,
                    "reason": bool(opinion.reason),
                    "right_answer": bool(opinion.right_answer),
                    "replaces": bool(changed.rowcount),
                }
                self._audit.append(connection, [Entry("feedback.given", by, about)])
        if not owned:
            raise NotFound("There is no such answer among yours.", fix="Check its id.")
        return at

    def of(self, principal: Principal, answer_id: str) -> Opinion | None:
        """Return what a principal said of an answer, if anything."""
        table = feedback.c
        query = sa.select(table.useful, table.reason, table.right_answer).where(
            table.answer == answer_id, table.principal == principal.ref
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else Opinion(row.useful, row.reason, row.right_answer)

    def listing(self, by: Actor, count: int, reason: str | None = None) -> list[Given]:
        """Return the last opinions, newest first, for the operator's own machine; recorded.

        Words come along only for a `reason`; raises BadInput for one that says nothing.
        """
        why = None if reason is None else checked_reason(reason)
        query = (
            sa.select(feedback, answer.c.question)
            .join(answer, answer.c.id == feedback.c.answer)
            .order_by(feedback.c.at.desc(), feedback.c.answer)
            .limit(count)
        )
        with self._database.read() as connection:
            found = [_given(row, why is not None) for row in connection.execute(query)]
        about: dict[str, Json] = {"count": len(found), "words": why is not None}
        if why is not None:
            about["reason"] = self._audit.commitment(why)
            about["answers"] = [one.answer for one in found]
        self._audit.record([Entry("feedback.read", by, about)])
        return found


def _given(row: sa.Row[tuple[object, ...]], words: bool) -> Given:
    one = row._mapping  # pyright: ignore[reportPrivateUsage]
    return Given(
        answer=one["answer"],
        principal=one["principal"],
        at=one["at"],
        useful=one["useful"],
        has_reason=bool(one["reason"]),
        has_right_answer=bool(one["right_answer"]),
        words=Words(one["question"], one["reason"], one["right_answer"]) if words else None,
    )


def _check(text: str, what: str, longest: int) -> None:
    check_text(text, what)
    if len(text) > longest:
        raise BadInput(f"{what} has {len(text)} characters.", fix=f"Use at most {longest}.")

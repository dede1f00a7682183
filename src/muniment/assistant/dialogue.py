"""Asking within a conversation: a follow-up becomes a question that stands alone, and the answer becomes a turn.

Invariants:
- a follow-up is completed from questions alone, and from those only whose answers the asker may still read whole,
  whether rules complete it or a model;
- an answer and its turn are stored in one transaction: there is neither without the other.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assistant.conversation_tables import (
    conversation,
    conversation_turn,
    found,
    insert,
    not_open,
    turns_of,
)
from muniment.assistant.follow_up import standalone
from muniment.assistant.rewriting import Rewriting, Rewritten
from muniment.assistant.values import Event, Finished
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.knowledge.retrieval.filters import EVERYTHING, Filters

if TYPE_CHECKING:
    from muniment.assistant.answering import Answering
    from muniment.assistant.conversations import Conversations

NEW = "new"
"""In the place of an id: the question begins a conversation."""
MOST_TURNS = 200
_LONGEST_TITLE = 80


@dataclass(frozen=True, slots=True)
class Thread:
    """A question on its way into a conversation."""

    conversation: str
    begins: bool
    asked: str
    earlier: tuple[str, ...] = ()
    """Questions that may be completed from, oldest first."""


class Dialogue:
    """Answers questions within conversations."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        assistant: Answering,
        conversations: Conversations,
        clock: Clock,
        ids: Ids,
        rewriting: Rewriting | None = None,
    ) -> None:
        """Without `rewriting`, fixed rules complete follow-ups."""
        self._database = database
        self._audit = audit
        self._assistant = assistant
        self._conversations = conversations
        self._clock = clock
        self._ids = ids
        self._rewriting = rewriting

    def resume(self, principal: Principal, conversation_id: str, question: str, by: Actor) -> Thread:
        """Return the thread of a question in a conversation of one's own, or in a `new` one.

        Raises NotFound for a conversation that is absent or another's, BadInput for one that is full, Denied by
        policy.
        """
        asked = " ".join(question.split())
        begins = conversation_id == NEW
        with self._database.read() as connection:
            looking = self._conversations.look(connection, principal, "ask")
            row = None if begins else found(connection, conversation_id)
            mine = row is not None and looking.shown.is_mine(row)
            earlier = looking.shown.askable(row) if row is not None and mine else []
            turns = len(turns_of(connection, conversation_id)) if mine else 0
        if begins:
            return Thread(self._ids.new("conv"), True, asked)
        if not mine:
            about: dict[str, Json] = {"conversation": conversation_id[:64], "principal": principal.ref}
            about |= {"asked": "continued", **looking.decision.stated(), "effect": "deny"}
            self._audit.record([Entry("conversation.refused", by, about)])
            raise not_open()
        if turns >= MOST_TURNS:
            raise BadInput(f"The conversation has {turns} questions.", fix="Begin a new one.")
        return Thread(conversation_id, False, asked, tuple(earlier))

    def stream(
        self,
        principal: Principal,
        thread: Thread,
        by: Actor,
        model: str | None = None,
        filters: Filters = EVERYTHING,
        schema: object = None,
    ) -> Generator[Event]:
        """Yield the events of the answer as `Assistant.stream` does; when it is stored, so is the turn.

        The answer says which conversation it is a turn of, and what was answered in the place of a follow-up.
        """

        rewritten = self._in_full(principal, thread.asked, thread.earlier, by, model)

        def keep(connection: sa.Connection, answer_id: str) -> None:
            self._keep(connection, principal, thread, rewritten.text, answer_id, by)

        instead = rewritten.text if rewritten.text != thread.asked else ""
        made = self._assistant.stream(
            principal, rewritten.text, by, model, filters, schema, keep, rewritten.made_by
        )
        with closing(made) as events:
            for event in events:
                if isinstance(event, Finished):
                    answer = replace(event.answer, conversation=thread.conversation, standalone=instead)
                    event = Finished(answer)
                yield event

    def after(
        self,
        principal: Principal,
        question: str,
        earlier: Sequence[str],
        by: Actor,
        model: str | None = None,
        filters: Filters = EVERYTHING,
        schema: object = None,
    ) -> Generator[Event]:
        """Yield the events of an answer as `Assistant.stream` does, to a question asked after `earlier` ones.

        The conversation is the caller's to keep: of it nothing is stored but the question that is answered.
        """
        full = self._in_full(principal, question, earlier, by, model) if earlier else Rewritten(question)
        yield from self._assistant.stream(
            principal, full.text, by, model, filters, schema, rewritten_by=full.made_by
        )

    def _in_full(
        self, principal: Principal, question: str, earlier: Sequence[str], by: Actor, model: str | None
    ) -> Rewritten:
        if self._rewriting is not None:
            return self._rewriting.rewritten(principal, question, earlier, by, model)
        return Rewritten(standalone(question, earlier))

    def _keep(
        self,
        connection: sa.Connection,
        principal: Principal,
        thread: Thread,
        full: str,
        answer_id: str,
        by: Actor,
    ) -> None:
        at = timestamp(self._clock.now())
        about: dict[str, Json] = {"conversation": thread.conversation, "principal": principal.ref}
        row = found(connection, thread.conversation)
        if row is None and thread.begins:
            insert(connection, thread.conversation, principal.ref, "", named=False, at=at)
            self._audit.append(connection, [Entry("conversation.created", by, about)])
        elif row is None or row["owner"] != principal.ref:
            # It was deleted meanwhile: the answer is not to outlive it.
            raise not_open()
        turn = conversation_turn.c
        last = sa.select(sa.func.max(turn.number)).where(turn.conversation == thread.conversation)
        number = (connection.execute(last).scalar() or 0) + 1
        connection.execute(
            sa.insert(conversation_turn).values(
                conversation=thread.conversation,
                number=number,
                answer=answer_id,
                asked=thread.asked,
                standalone=full,
            )
        )
        values = {"changed": at}
        if number == 1 and not (row is not None and row["named"]):
            values["title"] = _title(thread.asked)
        one = conversation.c.id == thread.conversation
        connection.execute(sa.update(conversation).where(one).values(values))
        rewritten = full != thread.asked
        about |= {"answer": answer_id, "number": number, "rewritten": rewritten}
        self._audit.append(connection, [Entry("conversation.continued", by, about)])


def _title(question: str) -> str:
    if len(question) <= _LONGEST_TITLE:
        return question
    return question[:_LONGEST_TITLE].rsplit(" ", 1)[0] + " …"

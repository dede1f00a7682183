"""The conversations of one workspace: list, read, search, rename, share, export and delete.

Invariants:
- whoever reads one gets, turn by turn, what they may read at that moment;
- an absent conversation, another's, and one that its owner alone may change are the same error;
- the log says what was done with which conversation, and none of its words;
- what is deleted is gone with its answers and all that hangs on them, in one transaction.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assistant.conversation import QUESTION_WITHHELD, Conversation, Hit, Summary, Turn
from muniment.assistant.conversation_tables import (
    Shown,
    conversation,
    conversation_share,
    conversation_turn,
    found,
    insert,
    not_open,
    shared_with,
    turns_of,
)
from muniment.assistant.lineage import WITHHELD, answer
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, storable
from muniment.foundation.errors import BadInput, Denied
from muniment.foundation.ids import Ids
from muniment.foundation.wellformed import check_text
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE, Decision, Resource
from muniment.knowledge.retrieval.visibility import visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

LONGEST_TITLE = 200
LONGEST_SEARCH = 500
MOST_SHARES = 100
_EXCERPT = 160
_OF_AN_ANSWER = (
    ("feedback", "answer"),
    ("review_item", "answer"),
    ("review_label", "answer"),
    ("outcome", "target"),
)
"""Tables whose rows go with an answer, and the column that names it; rooms above own some of them."""


@dataclass(frozen=True, slots=True)
class Looking:
    """One reader within one transaction."""

    connection: sa.Connection
    shown: Shown
    decision: Decision


class Conversations:
    """The conversations of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._clock = clock
        self._ids = ids

    def create(self, principal: Principal, by: Actor, title: str = "") -> Summary:
        """Begin a conversation without a question; raises BadInput for a title that is none, Denied by policy."""
        named = _title(title) if title else ""
        conversation_id, at = self._ids.new("conv"), timestamp(self._clock.now())
        with self._database.write() as connection:
            looking = self.look(connection, principal, "ask")
            insert(connection, conversation_id, principal.ref, named, bool(named), at)
            about = self._about(principal, conversation_id, looking.decision)
            self._audit.append(connection, [Entry("conversation.created", by, about)])
        return Summary(conversation_id, named, principal.ref, True, at, at)

    def listing(self, principal: Principal, by: Actor, count: int = 100) -> list[Summary]:
        """Return the conversations that a principal may open, last changed first; raises Denied by policy."""
        with self._database.read() as connection:
            looking = self.look(connection, principal, "read_document")
            rows = looking.shown.accessible()[:count]
            listed = [looking.shown.whole(row).summary for row in rows]
        about: dict[str, Json] = {"principal": principal.ref, "count": len(listed)}
        about |= looking.decision.stated()
        self._audit.record([Entry("conversation.listed", by, about)])
        return listed

    def read(
        self, principal: Principal, conversation_id: str, by: Actor, *, export: bool = False
    ) -> Conversation:
        """Return a conversation as a principal may read it now.

        Raises NotFound for an absent one and for one that is not open to it, Denied by policy, Unavailable when
        the reading cannot be recorded.
        """
        with self._database.read() as connection:
            looking = self.look(connection, principal, "read_document")
            row = looking.shown.find(conversation_id)
            whole = None if row is None else looking.shown.whole(row)
        about = self._about(principal, conversation_id, looking.decision)
        if whole is not None:
            about |= {"mine": whole.summary.mine, "turns": len(whole.turns)}
            about["withheld"] = sum(turn.withheld for turn in whole.turns)
        kind = "conversation.exported" if export else "conversation.read"
        self._audit.record([Entry(kind, by, {**about, "effect": "allow" if whole else "deny"})])
        if whole is None:
            raise not_open()
        return whole

    def around(self, principal: Principal, answer_id: str, by: Actor) -> Conversation | None:
        """Return the conversation of one's own that an answer is a turn of, or None; raises as `read` does."""
        turn = conversation_turn.c
        with self._database.read() as connection:
            query = sa.select(turn.conversation).where(turn.answer == answer_id)
            conversation_id = connection.execute(query).scalar() if storable(answer_id) else None
        return None if conversation_id is None else self.read(principal, str(conversation_id), by)

    def search(self, principal: Principal, words: str, by: Actor, count: int = 50) -> list[Hit]:
        """Return where all of these words stand in what a principal may read now, last changed first.

        Raises BadInput for words that are none or too many, Denied by policy.
        """
        check_text(words, "What to look for")
        wanted = _folded(words).split()
        if not wanted or len(words) > LONGEST_SEARCH:
            raise BadInput("There is nothing to look for.", fix=f"Give 1 to {LONGEST_SEARCH} characters.")
        hits: list[Hit] = []
        with self._database.read() as connection:
            looking = self.look(connection, principal, "read_document")
            for row in looking.shown.accessible():
                hits += _hits(looking.shown.whole(row), wanted)
                if len(hits) >= count:
                    break
        about: dict[str, Json] = {
            "principal": principal.ref,
            "words": self._audit.commitment(words),
            "count": len(hits[:count]),
            **looking.decision.stated(),
        }
        self._audit.record([Entry("conversation.searched", by, about)])
        return hits[:count]

    def rename(self, principal: Principal, conversation_id: str, title: str, by: Actor) -> None:
        """Give a conversation of one's own another title; raises BadInput, NotFound, Denied."""
        named = _title(title)
        with self._changing(principal, conversation_id, by, "renamed") as (connection, _):
            mine = conversation.c.id == conversation_id
            connection.execute(sa.update(conversation).where(mine).values(title=named, named=True))

    def shares(self, principal: Principal, conversation_id: str, by: Actor) -> list[str]:
        """Return with whom a conversation of one's own is shared; raises NotFound, Denied."""
        with self._database.read() as connection:
            looking = self.look(connection, principal, "ask")
            row = looking.shown.find(conversation_id)
            owned = row is not None and looking.shown.is_mine(row)
            subjects = shared_with(connection, conversation_id) if owned else []
        about = self._about(principal, conversation_id, looking.decision)
        effect = {"effect": "allow" if owned else "deny"}
        self._audit.record([Entry("conversation.shares_read", by, {**about, **effect})])
        if not owned:
            raise not_open()
        return subjects

    def share(self, principal: Principal, conversation_id: str, subject: str, by: Actor) -> list[str]:
        """Let `user:NAME`, `service:NAME` or `group:NAME` read a conversation of one's own; return all who may.

        What they see of it their own rights decide. Whether there is anybody of that name is not told.
        Raises BadInput for what names nobody, NotFound, Denied.
        """
        check_subject(subject)
        with self._changing(principal, conversation_id, by, "shared", subject=subject) as (connection, about):
            known = shared_with(connection, conversation_id)
            if subject not in known:
                if len(known) == MOST_SHARES:
                    raise BadInput(
                        f"It is shared with {MOST_SHARES} already.", fix="Share it with a group of people."
                    )
                values = {"conversation": conversation_id, "subject": subject}
                connection.execute(sa.insert(conversation_share).values(values))
            about["new"] = subject not in known
            return sorted({*known, subject})

    def unshare(self, principal: Principal, conversation_id: str, subject: str, by: Actor) -> list[str]:
        """Take a share back, from the next request on; return who is left; raises NotFound, Denied."""
        taken = subject[:LONGEST_TITLE] if storable(subject) else ""
        with self._changing(principal, conversation_id, by, "unshared", subject=taken) as (connection, _):
            table = conversation_share
            connection.execute(
                sa.delete(table).where(table.c.conversation == conversation_id, table.c.subject == taken)
            )
            return shared_with(connection, conversation_id)

    def delete(self, principal: Principal, conversation_id: str, by: Actor) -> None:
        """Remove a conversation of one's own with its answers, how they came about, and what was said of them.

        Raises NotFound, Denied. The log keeps what it had: no words.
        """
        with self._changing(principal, conversation_id, by, "deleted") as (connection, about):
            answers = [str(one["answer"]) for one in turns_of(connection, conversation_id)]
            for answer_id in answers:
                for table, column in _OF_AN_ANSWER:
                    said = sa.column(column, sa.Text) == answer_id
                    connection.execute(sa.delete(sa.table(table)).where(said))
                connection.execute(sa.delete(answer).where(answer.c.id == answer_id))
            for table in (conversation_turn, conversation_share):
                connection.execute(sa.delete(table).where(table.c.conversation == conversation_id))
            connection.execute(sa.delete(conversation).where(conversation.c.id == conversation_id))
            about["answers"] = list(answers)

    def look(self, connection: sa.Connection, principal: Principal, action: str) -> Looking:
        """Return a reader within this transaction; raises Denied where policy does not let it do `action` here."""
        visibility = visible(connection, principal)
        standing = self._policy.standing(connection, principal, visibility.grants)
        decision = standing.decide(action, WORKSPACE)
        if not decision.allowed:
            raise Denied("You may not keep or read conversations here.", detail="; ".join(decision.reasons))

        def own_answer(answer_id: str) -> bool:
            resource = Resource("Answer", answer_id, {"owner": principal.ref})
            return standing.decide("read_lineage", resource).allowed

        return Looking(connection, Shown(connection, visibility, own_answer), decision)

    @contextmanager
    def _changing(
        self, principal: Principal, conversation_id: str, by: Actor, what: str, **said: str
    ) -> Generator[tuple[sa.Connection, dict[str, Json]]]:
        """Change a conversation of one's own, with its entry, in one transaction."""
        about: dict[str, Json] = {}
        with self._database.write() as connection:
            looking = self.look(connection, principal, "ask")
            about |= {**self._about(principal, conversation_id, looking.decision), **said}
            row = found(connection, conversation_id)
            mine = row is not None and looking.shown.is_mine(row)
            if mine:
                yield connection, about
                self._audit.append(connection, [Entry(f"conversation.{what}", by, about)])
        if not mine:
            refused = {**about, "asked": what, "effect": "deny"}
            self._audit.record([Entry("conversation.refused", by, refused)])
            raise not_open()

    def _about(self, principal: Principal, conversation_id: str, decision: Decision) -> dict[str, Json]:
        return {
            "conversation": conversation_id[:64],
            "principal": principal.ref,
            **decision.stated(),
        }


def check_subject(subject: str) -> None:
    """Refuse what cannot name anybody; raises BadInput."""
    check_text(subject, "Whom it is shared with")
    kind, _, name = subject.partition(":")
    if kind not in ("user", "service", "group") or not name or len(subject) > LONGEST_TITLE:
        raise BadInput(
            "That names neither a person nor a group.", fix="Write user:NAME, service:NAME or group:NAME."
        )


def _title(title: str) -> str:
    check_text(title, "The title")
    flat = " ".join(title.split())
    if not flat or len(flat) > LONGEST_TITLE:
        raise BadInput(f"A title has 1 to {LONGEST_TITLE} characters.", fix="Shorten it, or write one.")
    return flat


def _hits(whole: Conversation, wanted: list[str]) -> list[Hit]:
    title = whole.summary.title.replace(QUESTION_WITHHELD, "")
    places = [(0, title), *((turn.number, _text(turn)) for turn in whole.turns)]
    hits: list[Hit] = []
    for number, text in places:
        folded = _folded(text)
        if all(word in folded for word in wanted):
            hits.append(Hit(whole.summary, number, _excerpt(text, folded, wanted[0])))
    # A title that is a turn's own question says nothing that the turn does not.
    return hits[1:] if len(hits) > 1 and hits[0].number == 0 else hits


def _text(turn: Turn) -> str:
    return f"{turn.question}\n{turn.answer}".replace(QUESTION_WITHHELD, "").replace(WITHHELD, "")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _excerpt(text: str, folded: str, word: str) -> str:
    at = folded.find(word)
    # Folding may change the length; then the beginning is shown.
    start = max(0, at - _EXCERPT // 3) if len(folded) == len(text) else 0
    start = text.find(" ", start, at) + 1 or start if start else 0
    part = " ".join(text[start : start + _EXCERPT].split())
    return f"{'… ' if start else ''}{part}{' …' if start + _EXCERPT < len(text) else ''}"

"""Conversations as they are stored, and what one reader may see of them within one transaction.

Invariants:
- an owner sees all that they asked; answers, and for anybody else questions too, only as evidence may be read now;
- to another, a question also stays shut once an earlier turn is: who had read that answer may have repeated it;
- a title is as readable as what it can repeat: one made of the first question as that, a given one as all turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from muniment.assistant.conversation import QUESTION_WITHHELD, Conversation, Summary, Turn
from muniment.assistant.lineage import WITHHELD, Explanation, as_readable, readable_by
from muniment.foundation.database import metadata, storable
from muniment.foundation.errors import NotFound
from muniment.knowledge.retrieval.visibility import Visibility

conversation = sa.Table(
    "conversation",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("named", sa.Boolean, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("changed", sa.Text, nullable=False),
    sa.Index("conversation_owner", "owner", "changed"),
)
conversation_turn = sa.Table(
    "conversation_turn",
    metadata,
    sa.Column("conversation", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("asked", sa.Text, nullable=False),
    sa.Column("standalone", sa.Text, nullable=False),
    sa.Index("conversation_turn_answer", "answer", unique=True),
)
conversation_share = sa.Table(
    "conversation_share",
    metadata,
    sa.Column("conversation", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Index("conversation_share_subject", "subject"),
)

_AT_ONCE = 500
"""Names in one statement; somebody may be in thousands of groups."""
OwnAnswer = Callable[[str], bool]
"""Whether policy lets a principal read its own answer of an id."""


class Shown:
    """Conversations as one reader may read them; valid inside one transaction only."""

    def __init__(self, connection: sa.Connection, visibility: Visibility, own_answer: OwnAnswer) -> None:
        self._connection = connection
        self._visibility = visibility
        self._own_answer = own_answer
        self._readable = readable_by(connection, visibility)

    def accessible(self) -> list[sa.RowMapping]:
        """Return the conversations that the reader may open, last changed first."""
        owned = sa.select(conversation).where(conversation.c.owner == self._visibility.principal.ref)
        rows = {str(row["id"]): row for row in self._connection.execute(owned).mappings()}
        share, grants = conversation_share.c, sorted(self._visibility.grants)
        for start in range(0, len(grants), _AT_ONCE):
            some = grants[start : start + _AT_ONCE]
            shared = sa.select(conversation).join(conversation_share, share.conversation == conversation.c.id)
            found = self._connection.execute(shared.where(share.subject.in_(some))).mappings()
            rows |= {str(row["id"]): row for row in found}
        return sorted(rows.values(), key=lambda row: (row["changed"], row["id"]), reverse=True)

    def find(self, conversation_id: str) -> sa.RowMapping | None:
        """Return a conversation that the reader may open, or None."""
        row = found(self._connection, conversation_id)
        if row is None or self.is_mine(row):
            return row
        subjects = set(shared_with(self._connection, conversation_id))
        return row if subjects & self._visibility.grants else None

    def is_mine(self, row: sa.RowMapping) -> bool:
        """Return whether the reader owns a conversation."""
        return bool(row["owner"] == self._visibility.principal.ref)

    def whole(self, row: sa.RowMapping) -> Conversation:
        """Return all of a conversation that the reader may read."""
        mine = self.is_mine(row)
        stored, answers = self._stored(row, mine)
        open_ = [_is_open(one) for one in answers]
        turns = [
            _turn(one, answers[at], mine or all(open_[: at + 1]), open_[at], mine)
            for at, one in enumerate(stored)
        ]
        repeats = open_ if row["named"] else open_[:1]
        title = str(row["title"]) if mine or all(repeats) else QUESTION_WITHHELD
        return Conversation(
            Summary(
                id=str(row["id"]),
                title=title,
                owner=str(row["owner"]),
                mine=mine,
                created=str(row["created"]),
                changed=str(row["changed"]),
            ),
            tuple(turns),
        )

    def askable(self, row: sa.RowMapping) -> list[str]:
        """Return the reader's own questions in a conversation of theirs that may be used again, oldest first."""
        stored, answers = self._stored(row, mine=True)
        return [str(one["asked"]) for one, made in zip(stored, answers, strict=True) if _is_open(made)]

    def _stored(
        self, row: sa.RowMapping, mine: bool
    ) -> tuple[Sequence[sa.RowMapping], list[Explanation | None]]:
        """Return the turns of a conversation, and beside each its answer where that may be looked into."""
        stored = turns_of(self._connection, str(row["id"]))
        ids = [str(one["answer"]) for one in stored]
        answers = as_readable(
            self._connection, [one for one in ids if not mine or self._own_answer(one)], self._readable
        )
        return stored, [answers.get(one) for one in ids]


def found(connection: sa.Connection, conversation_id: str) -> sa.RowMapping | None:
    """Return a stored conversation, or None."""
    if not storable(conversation_id):
        return None
    query = sa.select(conversation).where(conversation.c.id == conversation_id)
    return connection.execute(query).mappings().first()


def turns_of(connection: sa.Connection, conversation_id: str) -> Sequence[sa.RowMapping]:
    """Return the stored turns of a conversation, in their order."""
    table = conversation_turn
    query = sa.select(table).where(table.c.conversation == conversation_id).order_by(table.c.number)
    return connection.execute(query).mappings().all()


def shared_with(connection: sa.Connection, conversation_id: str) -> list[str]:
    """Return who else may open a conversation, by name."""
    table = conversation_share.c
    query = sa.select(table.subject).where(table.conversation == conversation_id).order_by(table.subject)
    return list(connection.execute(query).scalars())


def insert(
    connection: sa.Connection, conversation_id: str, owner: str, title: str, named: bool, at: str
) -> None:
    """Write a new conversation; `named` says that somebody gave it its title."""
    connection.execute(
        sa.insert(conversation).values(
            id=conversation_id, owner=owner, title=title, named=named, created=at, changed=at
        )
    )


def not_open() -> NotFound:
    """Return what is raised for an absent conversation, and for one that is not open to whoever asks."""
    return NotFound("There is no such conversation that is open to you.", fix="Check its id.")


def _is_open(found: Explanation | None) -> bool:
    """Return whether nothing of an answer is kept from its reader, neither now nor when it was made."""
    return found is not None and not found.withheld and found.status != "refused"


def _turn(row: sa.RowMapping, found: Explanation | None, asked: bool, whole: bool, mine: bool) -> Turn:
    question, standalone = str(row["asked"]), str(row["standalone"])
    return Turn(
        number=int(row["number"]),
        answer_id=str(row["answer"]),
        at=found.at if found else "",
        question=question if asked else QUESTION_WITHHELD,
        standalone=standalone if asked and standalone != question else "",
        status=found.status if found else "refused",
        answer=found.answer if found else WITHHELD,
        claims=found.claims if found else (),
        citations=found.citations if found else (),
        withheld=not (whole and asked),
        # They are about the way of whoever asked.
        notes=found.notes if found and mine else (),
        nearest=found.nearest if found else (),
    )

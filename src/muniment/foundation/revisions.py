"""Counters that say which state a decision was taken on; each is bumped in the transaction that changes it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.database import metadata
from muniment.foundation.worded import Worded

revision = sa.Table(
    "revision",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Revisions:
    """The state of the directory, the access lists, the content and the ranking settings in use."""

    directory: int
    access: int
    content: int
    ranking: int = 0


# Statements of every request are made once: making one costs more than running it.
_VALUE = sa.select(revision.c.value).where(revision.c.name == sa.bindparam("counter"))
_MOVE = (
    sa.update(revision)
    .where(revision.c.name == sa.bindparam("counter"))
    .values(value=sa.bindparam("reached"))
)


def bump(connection: sa.Connection, name: str) -> int:
    """Add one to a counter inside a write transaction; return its new value."""
    value = connection.execute(_VALUE, {"counter": name}).scalar()
    if value is None:
        connection.execute(sa.insert(revision).values(name=name, value=1))
        return 1
    connection.execute(_MOVE, {"counter": name, "reached": value + 1})
    return value + 1


_CURRENT = Worded(sa.select(revision.c.name, revision.c.value))


def current(connection: sa.Connection) -> Revisions:
    """Return the counters as of this connection's snapshot; a counter never bumped is 0."""
    found: dict[str, int] = dict(_CURRENT.rows(connection))
    names = ("directory", "access", "content", "ranking")
    return Revisions(*(found.get(name, 0) for name in names))

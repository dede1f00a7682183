"""Which embedding model searches use, as the database records it, and which one is being made ready to follow it.

Invariants:
- at most one model is in use and at most one is being built, by the key of the table;
- what the index holds carries a generation: searches read that of the model in use (0 before there is one), and no
  generation is given twice;
- every change of the model in use moves the revision of the content in its transaction, so that no reader takes
  one state of the index for another.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation import revisions
from muniment.foundation.revisions import Revisions
from muniment.inference.embedding import EmbeddingModel
from muniment.knowledge.tables import index_model

LIVE, BUILDING = "live", "building"
_GENERATIONS = "index_generation"


@dataclass(frozen=True, slots=True)
class IndexModel:
    """A model of the index, and the generation of what was made with it."""

    model: EmbeddingModel
    generation: int
    at: str
    """Since when it is in use or being built."""


_OF = sa.select(
    index_model.c.name,
    index_model.c.digest,
    index_model.c.dimensions,
    index_model.c.generation,
    index_model.c.at,
).where(index_model.c.state == sa.bindparam("wanted"))
LIVE_GENERATION = "coalesce((SELECT generation FROM index_model WHERE state = 'live'), 0)"
"""The generation that searches read, for use in a statement of either database."""


def live(connection: sa.Connection) -> IndexModel | None:
    """Return the model that searches of this snapshot use, or None where nothing has a vector."""
    return _of(connection, LIVE)


def building(connection: sa.Connection) -> IndexModel | None:
    """Return the model that is being made ready, or None."""
    return _of(connection, BUILDING)


def live_generation(connection: sa.Connection) -> int:
    """Return the generation that searches of this snapshot read."""
    return int(connection.execute(sa.text(f"SELECT {LIVE_GENERATION}")).scalar_one())


def enter_first(connection: sa.Connection, model: EmbeddingModel, at: str) -> None:
    """Let a model be the one in use where there is none."""
    if live(connection) is None:
        _insert(connection, LIVE, IndexModel(model, live_generation(connection), at))
        revisions.bump(connection, "content")


def begin(connection: sa.Connection, model: EmbeddingModel, at: str) -> IndexModel:
    """Begin to build with a model; the caller has seen that no other is being built."""
    made = IndexModel(model, revisions.bump(connection, _GENERATIONS), at)
    _insert(connection, BUILDING, made)
    return made


def abandon(connection: sa.Connection) -> None:
    """Build no more; what was built belongs to no model from now on."""
    connection.execute(sa.delete(index_model).where(index_model.c.state == BUILDING))


def switch(connection: sa.Connection, at: str) -> None:
    """Let searches use the model that was built, from the commit of this transaction on."""
    connection.execute(sa.delete(index_model).where(index_model.c.state == LIVE))
    built = sa.update(index_model).where(index_model.c.state == BUILDING)
    connection.execute(built.values(state=LIVE, at=at))
    revisions.bump(connection, "content")


class InUse:
    """The model in use, read again only after a change of content; safe to share between threads."""

    def __init__(self) -> None:
        self._last: tuple[int, IndexModel | None] = (0, None)

    @property
    def last(self) -> IndexModel | None:
        """Return the model that was in use when last asked."""
        return self._last[1]

    def at(self, connection: sa.Connection, now: Revisions) -> IndexModel | None:
        """Return the model in use in this connection's snapshot."""
        content, found = self._last
        if content != now.content:
            found = live(connection)
            self._last = now.content, found
        return found


def _of(connection: sa.Connection, state: str) -> IndexModel | None:
    row = connection.execute(_OF, {"wanted": state}).first()
    if row is None:
        return None
    return IndexModel(EmbeddingModel(row.name, row.digest, row.dimensions), row.generation, row.at)


def _insert(connection: sa.Connection, state: str, made: IndexModel) -> None:
    connection.execute(
        sa.insert(index_model).values(
            state=state,
            digest=made.model.digest,
            name=made.model.name,
            dimensions=made.model.dimensions,
            generation=made.generation,
            at=made.at,
        )
    )

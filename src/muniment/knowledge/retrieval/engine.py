"""The port that every index engine fills.

Invariant: only rows that the visibility lets be read and the filters admit are scored, counted or compared, as of
the snapshot of the connection; equal scores stand in the order of document id and chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from muniment.foundation.revisions import Revisions
from muniment.knowledge.passage import Why
from muniment.knowledge.retrieval.codes import Floats
from muniment.knowledge.retrieval.earlier import Earlier
from muniment.knowledge.retrieval.filters import EVERYTHING, Filters
from muniment.knowledge.retrieval.rank import Hit, Ranking, RankingSettings
from muniment.knowledge.retrieval.visibility import Visibility
from muniment.knowledge.retrieval.wording import Query


@dataclass(frozen=True, slots=True)
class Asked:
    """What an engine is to rank."""

    query: Query
    vector: Floats | None
    """The question as a unit vector; None ranks by words alone."""
    model: str
    """Digest of the model that made `vector`; rows of another model take no part by vector."""
    limit: int
    """Most hits."""
    settings: RankingSettings
    filters: Filters = EVERYTHING
    earlier: Earlier | None = None
    """Documents that are searched at another version than the current one."""


class Engine(Protocol):
    """Ranks the chunks that one principal may read."""

    @property
    def at_once(self) -> int:
        """How many searches of one process gain from going on beside each other."""
        ...

    def prepare(self, connection: sa.Connection, now: Revisions) -> None:
        """Load what searches of this snapshot need; raises NotSetUp where they could not be answered."""
        ...

    def rank(self, connection: sa.Connection, visibility: Visibility, asked: Asked) -> Ranking:
        """Return the best hits; raises Tampered, NotSetUp or Denied where it cannot be sure."""
        ...

    def explain(
        self, connection: sa.Connection, visibility: Visibility, asked: Asked, hits: Sequence[Hit]
    ) -> tuple[Why, ...]:
        """Return why each of these hits, found in the same transaction, stands where it does."""
        ...

"""The index engine inside this process: encrypted segments on disk, codes and postings in memory."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from muniment.foundation.segments import Segments
from muniment.knowledge.passage import Why
from muniment.knowledge.retrieval.engine import Asked
from muniment.knowledge.retrieval.index import Index
from muniment.knowledge.retrieval.rank import Hit, Ranking, rank
from muniment.knowledge.retrieval.reasons import reasons
from muniment.knowledge.retrieval.view import Selection
from muniment.knowledge.retrieval.visibility import AccessIndex, Visibility


class EmbeddedEngine:
    """Fills `Engine` for one workspace; safe to share between threads."""

    def __init__(self, segments: Segments) -> None:
        self._index = Index(segments)
        self._access = AccessIndex()

    def rank(self, connection: sa.Connection, visibility: Visibility, asked: Asked) -> Ranking:
        """Return the best hits; raises Tampered for an altered segment, NotSetUp for one of other word rules."""
        selection = self._selection(connection, visibility, asked)
        return rank(selection, asked.query, asked.vector, asked.model, asked.limit, asked.settings)

    def explain(
        self, connection: sa.Connection, visibility: Visibility, asked: Asked, hits: Sequence[Hit]
    ) -> tuple[Why, ...]:
        """Return why each of these hits, found in the same transaction, stands where it does."""
        return reasons(self._selection(connection, visibility, asked), asked, hits)

    def _selection(self, connection: sa.Connection, visibility: Visibility, asked: Asked) -> Selection:
        view = self._index.refresh(connection, visibility.revisions)
        readable = self._access.readable(connection, visibility, asked.filters.admits_sensitivity)
        return view.select(readable, asked.filters)

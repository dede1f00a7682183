"""The index engine inside this process: encrypted segments on disk, codes and postings in memory."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation.segments import Segments
from muniment.knowledge.retrieval.engine import Asked
from muniment.knowledge.retrieval.index import Index
from muniment.knowledge.retrieval.rank import Ranking, rank
from muniment.knowledge.retrieval.visibility import AccessIndex, Visibility


class EmbeddedEngine:
    """Fills `Engine` for one workspace; safe to share between threads."""

    def __init__(self, segments: Segments) -> None:
        self._index = Index(segments)
        self._access = AccessIndex()

    def rank(self, connection: sa.Connection, visibility: Visibility, asked: Asked) -> Ranking:
        """Return the best hits; raises Tampered for an altered segment, NotSetUp for one of other word rules."""
        view = self._index.refresh(connection, visibility.revisions)
        selection = view.select(
            self._access.readable(connection, visibility, asked.filters.admits_sensitivity), asked.filters
        )
        return rank(selection, asked.query, asked.vector, asked.model, asked.limit, asked.settings)

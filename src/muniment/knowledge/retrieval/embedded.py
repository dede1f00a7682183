"""The index engine inside this process: encrypted segments on disk, codes and postings in memory.

A row that turns out to be damaged while it is read takes its document out of that one search, and no other: only who
may read the document ever reads the row, so nobody else can tell.
"""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from muniment.foundation.errors import Unavailable
from muniment.foundation.segments import DamagedRows, Segments
from muniment.knowledge.retrieval.engine import Asked
from muniment.knowledge.retrieval.index import Index
from muniment.knowledge.retrieval.rank import Ranking, rank
from muniment.knowledge.retrieval.visibility import AccessIndex, Visibility

_ATTEMPTS = 16
"""Times that a search begins anew without the documents whose rows were found damaged."""


class EmbeddedEngine:
    """Fills `Engine` for one workspace; safe to share between threads."""

    def __init__(self, segments: Segments) -> None:
        self._index = Index(segments)
        self._access = AccessIndex()

    def rank(self, connection: sa.Connection, visibility: Visibility, asked: Asked) -> Ranking:
        """Return the best hits; raises NotSetUp for other word rules, Unavailable where too much is damaged."""
        view = self._index.refresh(connection, visibility.revisions)
        readable = self._access.readable(connection, visibility, asked.filters.admits_sensitivity)
        incomplete = view.lacks(readable)
        for _ in range(_ATTEMPTS):
            selection = view.select(readable, asked.filters)
            try:
                found = rank(selection, asked.query, asked.vector, asked.model, asked.limit, asked.settings)
            except DamagedRows as error:
                self._index.damaged(error.segment, error)
                view = view.without(error.segment, error.rows)
                incomplete = True
            else:
                return replace(found, incomplete=incomplete)
        raise Unavailable(
            "Too much of the search index is damaged to search it now.",
            fix="Tell whoever runs this workspace; `muniment index repair` mends it.",
        )

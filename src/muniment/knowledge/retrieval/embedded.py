"""The index engine inside this process: encrypted segments on disk, codes and postings in memory.

A row that turns out to be damaged while it is read takes its document out of that one search, and no other: only who
may read the document ever reads the row, so nobody else can tell.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import sqlalchemy as sa

from muniment.foundation.collector import settle
from muniment.foundation.errors import Unavailable
from muniment.foundation.revisions import Revisions
from muniment.foundation.segments import DamagedRows, Segments
from muniment.inference.embedding import cores
from muniment.knowledge.passage import Why
from muniment.knowledge.retrieval import compiled
from muniment.knowledge.retrieval.engine import Asked
from muniment.knowledge.retrieval.index import Index
from muniment.knowledge.retrieval.rank import Hit, Ranking, SelectedRows, rank
from muniment.knowledge.retrieval.reasons import reasons
from muniment.knowledge.retrieval.view import Selection, View
from muniment.knowledge.retrieval.visibility import AccessIndex, Visibility

_Result = TypeVar("_Result")
_ATTEMPTS = 16
"""Times that a search begins anew without the documents whose rows were found damaged."""
MANY_ROWS = 20_000
MANY_SEARCHES = 500
"""What makes compiling worth its seconds of a core: it saves a millisecond of a search, more where rows are many."""


class EmbeddedEngine:
    """Fills `Engine` for one workspace; safe to share between threads."""

    def __init__(self, segments: Segments) -> None:
        self._index = Index(segments)
        self._access = AccessIndex()
        self._may_compile = False
        """Whether this process lives on, and nothing made it compile the loops yet."""
        self._searches = 0

    @property
    def at_once(self) -> int:
        """Half the cores: more only take the interpreter from each other, so that all become slower."""
        return max(1, cores() // 2)

    def prepare(self, connection: sa.Connection, now: Revisions) -> None:
        """Load the segments, and compile the loops once that is worth it; raises NotSetUp for other word rules."""
        view = self._index.refresh(connection, now)
        if view.rows >= MANY_ROWS:
            compiled.prepare()
        else:
            self._may_compile = True

    def rank(self, connection: sa.Connection, visibility: Visibility, asked: Asked) -> Ranking:
        """Return the best hits; raises NotSetUp for other word rules, Unavailable where too much is damaged."""
        found, incomplete = self._over(
            connection, visibility, asked, lambda selection: _ranked(selection, asked)
        )
        if asked.earlier is not None:
            view = self._index.refresh(connection, visibility.revisions)
            readable = self._access.readable(connection, visibility)
            found = replace(found, not_kept=view.lacking(asked.earlier, readable))
        return replace(found, incomplete=True) if incomplete else found

    def explain(
        self, connection: sa.Connection, visibility: Visibility, asked: Asked, hits: Sequence[Hit]
    ) -> tuple[Why, ...]:
        """Return why each of these hits, found in the same transaction, stands where it does."""

        def told(selection: Selection) -> tuple[Why, ...]:
            if self._index.saw_damage:
                # The ranking left out the documents that it could not read, so the reasons must too.
                _ranked(selection, asked)
            return reasons(SelectedRows(selection), asked, hits)

        return self._over(connection, visibility, asked, told)[0]

    def _over(
        self,
        connection: sa.Connection,
        visibility: Visibility,
        asked: Asked,
        work: Callable[[Selection], _Result],
    ) -> tuple[_Result, bool]:
        """Return what comes of the rows that may be read and are sound, and whether a document is missing."""
        view = self._index.refresh(connection, visibility.revisions)
        if self._may_compile:
            self._count(view)
        readable = self._access.readable(connection, visibility, asked.filters.admits_sensitivity)
        incomplete = view.lacks(readable)
        if asked.earlier is not None:
            view = view.at(asked.earlier)
        for _ in range(_ATTEMPTS):
            try:
                return work(view.select(readable, asked.filters)), incomplete
            except DamagedRows as error:
                self._index.damaged(error.segment, error)
                view = view.without(error.segment, error.rows)
                incomplete = True
        raise Unavailable(
            "Too much of the search index is damaged to search it now.",
            fix="Tell whoever runs this workspace; `muniment index repair` mends it.",
        )

    def _count(self, view: View) -> None:
        """Have the loops compiled beside the searches once there are many rows or were many searches."""
        self._searches += 1
        if view.rows >= MANY_ROWS or self._searches >= MANY_SEARCHES:
            self._may_compile = False
            threading.Thread(target=_compile, name="compile").start()


def _compile() -> None:
    compiled.prepare()
    settle()


def _ranked(selection: Selection, asked: Asked) -> Ranking:
    return rank(selection, asked.query, asked.vector, asked.model, asked.limit, asked.settings)

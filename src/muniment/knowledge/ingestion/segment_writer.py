"""Keeps the index of the embedded engine: one segment a batch, merged and made again over time."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from muniment.foundation.clock import timestamp
from muniment.governance.audit.entry import Actor
from muniment.inference.embedding import Vectors
from muniment.knowledge import changes, library
from muniment.knowledge.ingestion.compaction import Compaction
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.ingestion.reindex import Reindex
from muniment.knowledge.library import SegmentRow
from muniment.knowledge.retrieval import segment
from muniment.knowledge.retrieval.segment import IndexRow


class SegmentWriter:
    """Fills `IndexWriter`: the segment is synced before the transaction that names it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._compaction = Compaction(parts)

    def add(
        self, connection: sa.Connection, rows: Sequence[IndexRow], vectors: Vectors | None, model: str
    ) -> None:
        """Write the rows as one segment and enter it into the manifest."""
        parts = self._parts
        name = parts.ids.new("seg")
        digest = parts.segments.write(name, segment.KIND, *segment.contents(rows, vectors, model))
        row = SegmentRow(name, digest, len(rows), model)
        changes.add_segment(connection, row, timestamp(parts.clock.now()))

    def settle(self, by: Actor) -> None:
        """Merge segments of one size."""
        self._compaction.run(by)

    def finish(self, by: Actor) -> None:
        """Delete segment files that no manifest row names: exchanged by the last run, or left by a killed one.

        What this run exchanges stays until the next, since a reader elsewhere may still hold the older manifest.
        """
        with self._parts.database.read() as connection:
            named = {row.name for row in library.segments(connection)}
        self._parts.segments.sweep(named)
        Reindex(self._parts).run(by)

    def examine(self) -> str:
        """Open every segment and compare digests; raises Tampered."""
        with self._parts.database.read() as connection:
            rows = library.segments(connection)
        for row in rows:
            self._parts.segments.open(row.name, segment.KIND, row.digest).check()
        return f"{len(rows)} index segments open and have their digests"

"""Makes segments of another embedding model again and drops those that hold nothing live.

Invariant: the new segment is synced before one transaction exchanges it for the old one, whose file stays for
readers of the older manifest: a search sees the one or the other, whole.
"""

from __future__ import annotations

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.ids import Ids
from muniment.foundation.segments import Segments
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.inference.embedding import Embedder
from muniment.knowledge import changes, library
from muniment.knowledge.library import SegmentRow
from muniment.knowledge.retrieval import segment


class Reindex:
    """Brings the segments of one workspace up to today's model."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        segments: Segments,
        embedder: Embedder | None,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._audit = audit
        self._segments = segments
        self._embedder = embedder
        self._clock = clock
        self._ids = ids

    def run(self, by: Actor) -> int:
        """Exchange what is stale; return how many segments were made again or dropped."""
        with self._database.read() as connection:
            manifest = library.segments(connection)
            live = {row.id: row.version for row in library.documents(connection)}
        return sum(self._refresh(row, live, by) for row in manifest)

    def _refresh(self, row: SegmentRow, live: dict[str, int], by: Actor) -> bool:
        stale = self._embedder is not None and row.model != self._embedder.model.digest
        loaded = segment.load(self._segments.read(row.name, segment.KIND, row.digest))
        kept = [
            (loaded.documents[int(document)], int(version), int(ordinal))
            for document, version, ordinal in zip(
                loaded.row_document, loaded.versions, loaded.ordinals, strict=True
            )
            if live.get(loaded.documents[int(document)]) == int(version)
        ]
        if kept and not stale:
            return False
        replacement = self._write(kept) if kept else None
        with self._database.write() as connection:
            changes.drop_segments(connection, [row.name])
            if replacement is not None:
                changes.add_segment(connection, replacement, timestamp(self._clock.now()))
            changes.mark_reindexed(connection)
            about = {"segment": row.name, "replacement": replacement.name if replacement else None}
            self._audit.append(connection, [Entry("index.segment_exchanged", by, about)])
        return True

    def _write(self, kept: list[tuple[str, int, int]]) -> SegmentRow:
        rows: list[segment.IndexRow] = []
        with self._database.read() as connection:
            for document, version, ordinal in kept:
                stored = library.version_row(connection, document, version)
                chunk = library.chunk_text(connection, document, version, ordinal)
                if stored is not None and chunk is not None:
                    rows.append(
                        segment.IndexRow(document, version, ordinal, stored.title, chunk.heading, chunk.text)
                    )
        texts = [segment.embedding_text(row.title, row.heading, row.body) for row in rows]
        vectors = self._embedder.embed_documents(texts) if self._embedder is not None else None
        model = self._embedder.model.digest if self._embedder is not None else ""
        name = self._ids.new("seg")
        digest = self._segments.write(name, segment.KIND, segment.arrays(rows, vectors, model))
        return SegmentRow(name, digest, len(rows), model)

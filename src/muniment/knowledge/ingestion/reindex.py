"""Makes segments of another model or other word rules, and damaged ones, again; drops those with nothing live.

Invariant: the new segment is synced before one transaction exchanges it for the old one, whose file stays for
readers of the older manifest: a search sees the one or the other, whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from muniment.foundation.clock import timestamp
from muniment.foundation.errors import Tampered
from muniment.governance.audit.entry import Actor, Entry
from muniment.knowledge import changes, library
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.library import DocumentRow, SegmentRow
from muniment.knowledge.retrieval import segment, wording
from muniment.knowledge.retrieval.segment import Segment

_DOCUMENTS = 256
"""Documents of a segment that is made again."""


class Reindex:
    """Brings the segments of one workspace up to today's model."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def run(self, by: Actor) -> int:
        """Exchange what is stale or damaged; return how many segments were made again or dropped."""
        with self._parts.database.read() as connection:
            manifest = library.segments(connection)
            live = {row.id: row for row in library.documents(connection)}
        lost = dict(live)
        damaged: list[str] = []
        exchanged = 0
        for row in manifest:
            part = self._read(row)
            if part is None:
                damaged.append(row.name)
                continue
            kept = [
                live[one] for one, version in _versions(part) if one in live and live[one].version == version
            ]
            for document in kept:
                lost.pop(document.id, None)
            if not kept or self._is_stale(part):
                self._exchange([row.name], kept, by)
                exchanged += 1
        if damaged:
            self._exchange(damaged, list(lost.values()), by)
        return exchanged + len(damaged)

    def _read(self, row: SegmentRow) -> Segment | None:
        try:
            return segment.load(self._parts.segments.open(row.name, segment.KIND, row.digest))
        except Tampered:
            return None

    def _is_stale(self, part: Segment) -> bool:
        embedder = self._parts.embedder
        other_model = embedder is not None and part.model != embedder.model.digest
        return other_model or part.wording != wording.VERSION

    def _exchange(self, names: Sequence[str], kept: Sequence[DocumentRow], by: Actor) -> None:
        made = [self._write(kept[at : at + _DOCUMENTS]) for at in range(0, len(kept), _DOCUMENTS)]
        made = [row for row in made if row.rows]
        with self._parts.database.write() as connection:
            changes.drop_segments(connection, names)
            for row in made:
                changes.add_segment(connection, row, timestamp(self._parts.clock.now()))
            changes.mark_reindexed(connection)
            about = {"segments": list(names), "replacements": [row.name for row in made]}
            self._parts.audit.append(connection, [Entry("index.segment_exchanged", by, about)])

    def _write(self, kept: Sequence[DocumentRow]) -> SegmentRow:
        rows: list[segment.IndexRow] = []
        with self._parts.database.read() as connection:
            for document in kept:
                rows += [
                    segment.IndexRow(
                        document.id,
                        document.version,
                        chunk.ordinal,
                        document.access_class,
                        document.title,
                        chunk.heading,
                        chunk.text,
                    )
                    for chunk in library.chunks(connection, document.id, document.version)
                ]
        name = self._parts.ids.new("seg")
        if not rows:
            return SegmentRow(name, "", 0, "")
        texts = [segment.embedding_text(row.title, row.heading, row.body) for row in rows]
        vectors = self._parts.embedder.embed_documents(texts) if self._parts.embedder is not None else None
        model = self._parts.embedder.model.digest if self._parts.embedder is not None else ""
        digest = self._parts.segments.write(name, segment.KIND, *segment.contents(rows, vectors, model))
        return SegmentRow(name, digest, len(rows), model)


def _versions(part: Segment) -> list[tuple[str, int]]:
    return list(zip(part.documents, part.versions.tolist(), strict=True))

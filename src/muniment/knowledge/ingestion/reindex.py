"""Makes segments of another model or other word rules, and damaged ones, again; drops those with nothing live.

The model is the one in use; where it is not present, segments of any model stay as they are. Of what is being built
beside the index in use, damaged segments are dropped, since whoever builds it makes them again.

Invariants:
- the new segment is synced before one transaction exchanges it for the old one, whose file stays for readers of the
  older manifest: a search sees the one or the other, whole;
- a damaged file is recorded and then put in quarantine, never deleted; what it held is made again from the database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from muniment.foundation.clock import timestamp
from muniment.governance.audit.entry import Actor, Entry
from muniment.inference.embedding import Embedder, Vectors
from muniment.knowledge import changes, index_model, library
from muniment.knowledge.ingestion.condition import Condition, OnSegment, examine, quarantined
from muniment.knowledge.ingestion.fitness import by_fitness
from muniment.knowledge.ingestion.in_use import embedder_in_use, generation_in_use
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.ingestion.rows import index_rows
from muniment.knowledge.library import DocumentRow, SegmentRow
from muniment.knowledge.retrieval import segment, wording
from muniment.knowledge.retrieval.segment import Summary

_DOCUMENTS = 256
"""Documents of a segment that is made again."""


@dataclass(frozen=True, slots=True)
class Remade:
    """What was found and done."""

    segments: int
    """In the manifest before."""
    damaged: tuple[Condition, ...]
    stale: tuple[str, ...]
    """Segments of another model or other word rules, or with nothing live."""
    documents: int
    """Documents whose rows were made again."""


@dataclass(frozen=True, slots=True)
class _Survey:
    damaged: tuple[Condition, ...]
    stale: tuple[tuple[str, tuple[DocumentRow, ...]], ...]
    """Each with its live documents."""
    lost: tuple[DocumentRow, ...]
    """Live documents that no sound segment holds."""
    segments: int


@dataclass(frozen=True, slots=True)
class _Made:
    """A segment that was written, and the vectors in it."""

    row: SegmentRow
    vectors: Vectors | None


class Reindex:
    """Brings the segments of one workspace up to today's model; only while nobody else writes segments."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def run(
        self,
        by: Actor,
        whole: bool = False,
        dry_run: bool = False,
        on_segment: OnSegment = lambda done, total: None,
        on_document: OnSegment = lambda done, total: None,
    ) -> Remade:
        """Exchange what is stale or damaged; with `whole`, read every byte to find out.

        Without, the beginning of each segment is read, and the whole of those that a search found damaged.
        """
        survey = self._survey(whole, on_segment)
        total = len(survey.lost) + sum(len(kept) for _, kept in survey.stale)
        found = Remade(survey.segments, survey.damaged, tuple(name for name, _ in survey.stale), total)
        if dry_run:
            return found
        done = 0

        def count(documents: int) -> None:
            nonlocal done
            done += documents
            on_document(done, total)

        for name, kept in survey.stale:
            self._exchange([name], self._make(kept, count), by)
        if survey.damaged:
            self._put_away(survey.damaged, by)
        if survey.damaged or survey.lost:
            self._exchange([one.name for one in survey.damaged], self._make(survey.lost, count), by)
        return found

    def _survey(self, whole: bool, on_segment: OnSegment) -> _Survey:
        parts = self._parts
        with parts.database.read() as connection:
            manifest = library.every_segment(connection)
            generation = index_model.live_generation(connection)
            embedder = embedder_in_use(parts, connection)
            live = {row.id: row for row in library.documents(connection)}
        doubted = parts.segments.doubted()
        damaged: list[Condition] = []
        stale: list[tuple[str, tuple[DocumentRow, ...]]] = []
        held: set[str] = set()
        for at, row in enumerate(manifest):
            on_segment(at, len(manifest))
            found = examine(parts.segments, row, whole or row.name in doubted)
            if found.summary is None:
                damaged.append(found)
                continue
            parts.segments.trust(row.name)
            if row.generation != generation:
                continue
            kept = tuple(
                live[name]
                for name, version in found.summary.versions
                if name in live and live[name].version == version
            )
            held |= {document.id for document in kept}
            if not kept or _is_stale(found.summary, embedder):
                stale.append((row.name, kept))
        on_segment(len(manifest), len(manifest))
        lost: list[DocumentRow] = []
        if damaged or whole:
            with parts.database.read() as connection:
                lost = [live[name] for name in sorted(library.with_chunks(connection)) if name not in held]
        return _Survey(tuple(damaged), tuple(stale), tuple(lost), len(manifest))

    def _put_away(self, damaged: Sequence[Condition], by: Actor) -> None:
        self._parts.audit.record([quarantined(one, by) for one in damaged])
        for one in damaged:
            self._parts.segments.quarantine(one.name)

    def _make(self, kept: Sequence[DocumentRow], count: Callable[[int], None]) -> list[_Made]:
        made: list[_Made] = []
        for at in range(0, len(kept), _DOCUMENTS):
            some = kept[at : at + _DOCUMENTS]
            made += self._write(some)
            count(len(some))
        return made

    def _exchange(self, names: Sequence[str], made: Sequence[_Made], by: Actor) -> None:
        with self._parts.database.write() as connection:
            changes.drop_segments(connection, names)
            for one in made:
                generation = generation_in_use(self._parts, connection, one.vectors, one.row.model)
                row = replace(one.row, generation=generation)
                changes.add_segment(connection, row, timestamp(self._parts.clock.now()))
            changes.mark_reindexed(connection)
            about = {"segments": list(names), "replacements": [one.row.name for one in made]}
            self._parts.audit.append(connection, [Entry("index.segment_exchanged", by, about)])

    def _write(self, kept: Sequence[DocumentRow]) -> list[_Made]:
        parts = self._parts
        with parts.database.read() as connection:
            embedder = embedder_in_use(parts, connection)
            rows = index_rows(connection, kept)
        if not rows:
            return []
        texts = [segment.embedding_text(row.title, row.heading, row.body) for row in rows]
        vectors = embedder.embed_documents(texts) if embedder is not None else None
        made: list[_Made] = []
        for some, theirs in by_fitness(rows, vectors):
            model = embedder.model.digest if embedder is not None and theirs is not None else ""
            name = parts.ids.new("seg")
            digest = parts.segments.write(name, segment.KIND, *segment.contents(some, theirs, model))
            made.append(_Made(SegmentRow(name, digest, len(some), model), theirs))
        return made


def _is_stale(found: Summary, embedder: Embedder | None) -> bool:
    other_model = embedder is not None and found.model != embedder.model.digest
    return other_model or found.wording != wording.VERSION

"""Keeps the index of the embedded engine: one segment a batch, merged and made again over time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeGuard

import sqlalchemy as sa

from muniment.foundation.clock import timestamp
from muniment.foundation.errors import Unavailable
from muniment.governance.audit.entry import Actor, Entry
from muniment.inference.embedding import Vectors
from muniment.knowledge import changes, index_model, library
from muniment.knowledge.index_model import IndexModel
from muniment.knowledge.ingestion.compaction import Compaction
from muniment.knowledge.ingestion.condition import examine, quarantined
from muniment.knowledge.ingestion.in_use import generation_in_use
from muniment.knowledge.ingestion.index_writer import Coverage
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.ingestion.reindex import Reindex
from muniment.knowledge.library import SegmentRow
from muniment.knowledge.retrieval import segment, wording
from muniment.knowledge.retrieval.segment import IndexRow, Summary


class SegmentWriter:
    """Fills `IndexWriter`: the segment is synced before the transaction that names it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._compaction = Compaction(parts)
        self._summaries: dict[str, Summary | None] = {}

    def add(
        self,
        connection: sa.Connection,
        rows: Sequence[IndexRow],
        vectors: Vectors | None,
        model: str,
        build: IndexModel | None = None,
    ) -> None:
        """Write the rows as one segment and enter it into the manifest."""
        parts = self._parts
        name = parts.ids.new("seg")
        digest = parts.segments.write(name, segment.KIND, *segment.contents(rows, vectors, model))
        generation = build.generation if build else generation_in_use(parts, connection, vectors, model)
        row = SegmentRow(name, digest, len(rows), model, generation)
        changes.add_segment(connection, row, timestamp(parts.clock.now()))

    def settle(self, by: Actor) -> None:
        """Merge segments of one size."""
        self._compaction.run(by)

    def finish(self, by: Actor) -> None:
        """Delete segment files that no manifest row names: exchanged by the last run, or left by a killed one.

        What this run exchanges stays until the next, since a reader elsewhere may still hold the older manifest.
        """
        with self._parts.database.read() as connection:
            named = {row.name for row in library.every_segment(connection)}
        self._parts.segments.sweep(named)
        Reindex(self._parts).run(by)

    def expel(self, documents: Collection[str], by: Actor) -> None:
        """Write anew, without them, the segments that hold rows of these documents; delete the files of the old ones.

        A damaged file is put in quarantine, where it stays. A process that serves may hold a deleted file open until
        its next requests.
        """
        parts, gone = self._parts, frozenset(documents)
        with parts.database.read() as connection:
            manifest = library.every_segment(connection)
            live = index_model.live_generation(connection)
        for row in manifest:
            found = examine(parts.segments, row, whole=False).summary
            if found is not None and gone.isdisjoint(name for name, _ in found.versions):
                continue
            if not self._compaction.rewrite(row, by) and row.generation != live:
                # Whoever builds makes again what is missing.
                with parts.database.write() as connection:
                    changes.drop_segments(connection, [row.name])
        Reindex(parts).run(by)
        # Readers open files inside their snapshot: with none of an older one left, no file is waited for.
        if not parts.database.scrub():
            raise Unavailable(
                "Somebody still reads an older state of the index.",
                fix="Run it again: it goes on from there.",
            )
        with parts.database.read() as connection:
            named = {row.name for row in library.every_segment(connection)}
        parts.segments.sweep(named)

    def coverage(self, connection: sa.Connection, build: IndexModel) -> Coverage:
        """Return what a build holds, by the beginning of each of its segments."""
        rows = _of(build, connection)
        self._summaries = {row.name: self._summary(row) for row in rows}
        held: dict[tuple[str, int], bool] = {}
        for summary in self._summaries.values():
            if _is_usable(summary, build):
                held |= {version: bool(summary.model) for version in summary.versions}
        wanted = [(name, one.version) for name, one in sorted(library.with_chunks(connection).items())]
        return Coverage(
            len(wanted),
            tuple(one[0] for one in wanted if one not in held),
            tuple(one[0] for one in wanted if held.get(one) is False),
        )

    def _summary(self, row: SegmentRow) -> Summary | None:
        if row.name in self._summaries:
            return self._summaries[row.name]
        return examine(self._parts.segments, row, whole=False).summary

    def weed(self, build: IndexModel, by: Actor, whole: bool) -> None:
        """Read the segments of a build, or the beginning of each; a damaged file is put in quarantine."""
        parts = self._parts
        with parts.database.read() as connection:
            rows = _of(build, connection)
        found = [examine(parts.segments, row, whole) for row in rows]
        bad = [one for one in found if not _is_usable(one.summary, build)]
        if not bad:
            return
        damaged = [one for one in bad if one.summary is None]
        parts.audit.record([quarantined(one, by) for one in damaged])
        for one in damaged:
            parts.segments.quarantine(one.name)
        with parts.database.write() as connection:
            changes.drop_segments(connection, [one.name for one in bad])
            about = {"segments": [one.name for one in bad], "replacements": []}
            parts.audit.append(connection, [Entry("index.segment_exchanged", by, about)])

    def forget(self, connection: sa.Connection, generation: int) -> None:
        """Take its segments out of the manifest; their files stay until the next run, as those of a merge do."""
        changes.drop_generation(connection, generation)

    def tidy(self) -> None:
        """Files are left to the next `finish`, since a reader elsewhere may still hold the older manifest."""

    def examine(self) -> str:
        """Open every segment and compare digests; raises Tampered."""
        with self._parts.database.read() as connection:
            rows = library.every_segment(connection)
        for row in rows:
            self._parts.segments.open(row.name, segment.KIND, row.digest).check()
        return f"{len(rows)} index segments open and have their digests"


def _of(build: IndexModel, connection: sa.Connection) -> list[SegmentRow]:
    return [row for row in library.every_segment(connection) if row.generation == build.generation]


def _is_usable(found: Summary | None, build: IndexModel) -> TypeGuard[Summary]:
    """Return whether a segment may go into use with a build; one without vectors may."""
    return found is not None and found.wording == wording.VERSION and found.model in ("", build.model.digest)

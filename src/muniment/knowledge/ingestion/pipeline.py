"""From a folder to searchable documents.

Invariants:
- a revocation is committed before any content is parsed;
- a document that cannot be read fails alone and is reported; one that was known is withheld until it can be;
- an interrupted run loses at most the batches in hand, and the next run goes on from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from muniment.foundation.clock import timestamp
from muniment.foundation.errors import BadInput, MunimentError
from muniment.governance.audit.entry import Actor, Entry
from muniment.inference.embedding import Embedder
from muniment.knowledge import changes, library, originals
from muniment.knowledge.access import NOBODY
from muniment.knowledge.ingestion.ahead import ahead
from muniment.knowledge.ingestion.chunk import HIGHEST, UNRECORDED, rules
from muniment.knowledge.ingestion.fitness import UNFIT
from muniment.knowledge.ingestion.in_use import embedder_in_use, why_none
from muniment.knowledge.ingestion.index_writer import IndexWriter
from muniment.knowledge.ingestion.indexing import Indexing
from muniment.knowledge.ingestion.judging_again import judge_again
from muniment.knowledge.ingestion.labelling import Labelling
from muniment.knowledge.ingestion.parsed import ParseFailed
from muniment.knowledge.ingestion.parser import Parser
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.ingestion.plan import Plan, plan
from muniment.knowledge.ingestion.relabelling import Relabelling
from muniment.knowledge.ingestion.report import IngestReport, OnProgress, Progress
from muniment.knowledge.ingestion.sensitivity import LABELS_IN
from muniment.knowledge.ingestion.turn import turn_beside_builds
from muniment.knowledge.ingestion.versions import version_of
from muniment.knowledge.library import NewDocument, NewVersion
from muniment.knowledge.quarantine import held_now
from muniment.knowledge.sources.folder import Folder, Listing, Problem, Why


@dataclass(frozen=True, slots=True)
class _Read:
    """A file that was parsed, or why it was not."""

    path: str
    version: NewVersion | None
    problem: Problem | None


@dataclass(slots=True)
class _Tally:
    added: int = 0
    changed: int = 0
    access_changed: int = 0
    chunks: int = 0
    originals: int = 0
    """Kept of versions that were stored without."""
    formats: Counter[str] = field(default_factory=Counter[str])
    failed: list[Problem] = field(default_factory=list[Problem])
    unfit: list[Problem] = field(default_factory=list[Problem])
    """What was taken in, but is found by words alone."""

    def count(self, document: NewDocument, changed: bool) -> None:
        """Count a document that was committed."""
        self.chunks += len(document.version.chunks)
        self.formats[PurePosixPath(document.path).suffix.lower().lstrip(".") or "none"] += 1
        if changed:
            self.changed += 1
        else:
            self.added += 1


class Pipeline:
    """Makes the library equal to a folder."""

    def __init__(
        self,
        parts: Parts,
        index: IndexWriter,
        parser: Callable[[], Parser],
        max_file_bytes: int,
        labelling: Labelling | None = None,
        chunk_characters: int = HIGHEST,
    ) -> None:
        """With `labelling`, an ingest ends with it."""
        self._parts = parts
        self._index_writer = index
        self._parser = parser
        self._max_file_bytes = max_file_bytes
        self._labelling = labelling
        self._chunk_characters = chunk_characters
        self._relabelling = Relabelling(parts)

    def sync(
        self,
        root: Path,
        source: str,
        by: Actor,
        on_progress: OnProgress = lambda _: None,
        dry_run: bool = False,
    ) -> IngestReport:
        """Make the library equal to `root`, and then label names where that is wanted.

        Raises BadInput, Conflict (another ingest runs), Unavailable, NotSetUp where what labels is not installed. A
        failure to label undoes nothing, and the report tells of it.
        """
        if not source or not source.isprintable() or "/" in source or ":" in source:
            raise BadInput(f"{source!r} cannot name a source.", fix="Use letters, digits and dashes.")
        if self._labelling is not None:
            self._labelling.require()
        folder = Folder(root, self._max_file_bytes)
        with turn_beside_builds(self._parts.database):
            report = self._sync(folder, source, by, on_progress, dry_run)
        if self._labelling is None or dry_run:
            return report

        def labelled(done: int, total: int) -> None:
            on_progress(Progress("label", done, total, ""))

        return replace(report, labels=self._labelling.after_ingest(by, labelled))

    def _sync(
        self, folder: Folder, source: str, by: Actor, on_progress: OnProgress, dry_run: bool
    ) -> IngestReport:
        started = self._parts.clock.seconds()
        tally = _Tally()
        with self._parts.database.read() as connection:
            embedder, note = embedder_in_use(self._parts, connection), why_none(self._parts, connection)
        listing = folder.walk()
        tally.failed.extend(listing.problems)
        if not dry_run:
            self._begin(source, folder, listing, by, tally)
            self._relabelling.raise_outdated(by)
        hashes = self._scan(folder, listing, tally, on_progress)
        with self._parts.database.read() as connection:
            known = library.documents(connection, source)
            stale = library.cut_otherwise(connection, source, self._cut_as_now)
            stale |= library.labels_unread(connection, source, LABELS_IN)
        todo = plan(known, hashes, [problem.path for problem in tally.failed], stale)
        if not dry_run:
            self._settle(source, listing, todo, by, tally)
            self._add_originals(folder, source, listing, hashes, tally)
            self._index(folder, source, listing, todo, by, tally, embedder, on_progress)
            self._finish(source, by, tally)
        else:
            tally.added, tally.changed = len(todo.new), len(todo.changed)
        return IngestReport(
            source=source,
            added=tally.added,
            changed=tally.changed,
            unchanged=len(todo.unchanged),
            renamed=len(todo.renamed),
            removed=len(todo.removed),
            withheld=len(todo.withheld),
            quarantined=self._quarantined(source),
            access_changed=tally.access_changed,
            failed=tuple(sorted([*tally.failed, *tally.unfit], key=lambda problem: problem.path)),
            formats=dict(sorted(tally.formats.items())),
            chunks=tally.chunks,
            vectors=embedder is not None,
            vectors_note=note,
            dry_run=dry_run,
            seconds=self._parts.clock.seconds() - started,
        )

    def _begin(self, source: str, folder: Folder, listing: Listing, by: Actor, tally: _Tally) -> None:
        """Record the start and apply the access that the source states now, before any content is read."""
        with self._parts.database.write() as connection:
            changes.put_source(connection, source, "folder", str(folder.root), self._now())
            known = library.documents(connection, source)
            stated = {row.id: listing.access(row.path) for row in known}
            tally.access_changed = changes.set_source_access(connection, stated, source)
            about = {"source": source, "files": len(listing.files), "access_changed": tally.access_changed}
            self._parts.audit.append(connection, [Entry("ingest.started", by, about)])

    def _scan(
        self, folder: Folder, listing: Listing, tally: _Tally, on_progress: OnProgress
    ) -> dict[str, str]:
        hashes: dict[str, str] = {}
        for done, entry in enumerate(listing.files):
            on_progress(Progress("scan", done, len(listing.files), entry.path))
            try:
                hashes[entry.path] = folder.read(entry.path).sha256
            except BadInput as error:
                tally.failed.append(_problem(entry.path, error, "unreachable"))
        on_progress(Progress("scan", len(listing.files), len(listing.files), ""))
        return hashes

    def _settle(self, source: str, listing: Listing, todo: Plan, by: Actor, tally: _Tally) -> None:
        """Commit renames, removals and what must be withheld, in one transaction."""
        if not (todo.renamed or todo.removed or todo.withheld):
            return
        with self._parts.database.write() as connection:
            entries: list[Entry] = []
            for row, path in todo.renamed:
                changes.rename_document(connection, row.id, path, self._now())
                entries.append(Entry("ingest.renamed", by, {"document": row.id, "source": source}))
            renamed = [replace(row, path=path) for row, path in todo.renamed]
            self._relabelling.moved(connection, renamed, by)
            moved = {row.id: listing.access(path) for row, path in todo.renamed}
            withheld = {row.id: NOBODY for row in todo.withheld}
            tally.access_changed += changes.set_source_access(connection, {**moved, **withheld}, source)
            for row in todo.withheld:
                entries.append(Entry("ingest.withheld", by, {"document": row.id, "source": source}))
            for row in todo.removed:
                changes.remove_document(connection, row.id, self._now())
                entries.append(Entry("ingest.removed", by, {"document": row.id, "source": source}))
            self._parts.audit.append(connection, entries)

    def _add_originals(
        self, folder: Folder, source: str, listing: Listing, hashes: Mapping[str, str], tally: _Tally
    ) -> None:
        small = {entry.path for entry in listing.files if entry.size <= originals.LARGEST}
        with self._parts.database.read() as connection:
            lacking = originals.lacking(connection, source)
        for bare in lacking:
            if bare.path not in small or hashes.get(bare.path) != bare.content_hash:
                continue
            try:
                file = folder.read(bare.path)
            except BadInput:
                # It was there a moment ago: the next ingest sees what became of it.
                continue
            if file.sha256 == bare.content_hash:
                with self._parts.database.write() as connection:
                    tally.originals += originals.add(connection, bare, file.content)

    def _index(
        self,
        folder: Folder,
        source: str,
        listing: Listing,
        todo: Plan,
        by: Actor,
        tally: _Tally,
        embedder: Embedder | None,
        on_progress: OnProgress,
    ) -> None:
        paths = sorted((*todo.new, *todo.changed))
        changed = frozenset(todo.changed)
        failed_before = len(tally.failed)

        def committed(documents: Sequence[NewDocument], unfit: set[str]) -> None:
            tally.unfit.extend(Problem(path, UNFIT, "words_only") for path in unfit)
            for document in documents:
                tally.count(document, document.path in changed)
                report(document.path)

        def report(path: str) -> None:
            done = tally.added + tally.changed + len(tally.failed) - failed_before
            on_progress(Progress("index", done, len(paths), path))

        with Indexing(self._parts, self._index_writer, source, by, embedder, committed) as indexing:
            for read in ahead(lambda: self._parse_all(folder, paths), _bytes):
                if read.version is None:
                    tally.failed.append(read.problem or Problem(read.path, "could not be read"))
                    report(read.path)
                else:
                    indexing.add(NewDocument(read.path, read.version, listing.access(read.path)))
        if paths:
            report("")

    def _parse_all(self, folder: Folder, paths: Sequence[str]) -> Iterator[_Read]:
        if not paths:
            return
        parser = self._parser()
        try:
            for path in paths:
                yield self._parse(parser, folder, path)
        finally:
            parser.close()

    def _parse(self, parser: Parser, folder: Folder, path: str) -> _Read:
        try:
            file = folder.read(path)
            modified = timestamp(datetime.fromtimestamp(file.modified_ns / 1e9, UTC))
            name = PurePosixPath(path).name
            version = version_of(parser, name, file.content, self._chunk_characters, modified)
        except BadInput as error:
            why: Why = "content" if isinstance(error, ParseFailed) else "unreachable"
            return _Read(path, None, _problem(path, error, why))
        return _Read(path, version, None)

    def _finish(self, source: str, by: Actor, tally: _Tally) -> None:
        with self._parts.database.write() as connection:
            changes.mark_synced(connection, source, self._now())
            known = library.documents_at(connection, source, [p.path for p in tally.failed])
            documents = {row.path: row.id for row in known}
            failures = [
                Entry(
                    "ingest.file_failed",
                    by,
                    {
                        "source": source,
                        "path": self._parts.audit.commitment(p.path),
                        "why": p.why,
                        **({"document": documents[p.path]} if p.path in documents else {}),
                    },
                )
                for p in tally.failed
            ]
            about = {
                "source": source,
                "added": tally.added,
                "changed": tally.changed,
                "failed": len(tally.failed),
                "chunks": tally.chunks,
                **({"originals": tally.originals} if tally.originals else {}),
            }
            self._parts.audit.append(connection, [*failures, Entry("ingest.finished", by, about)])
        judge_again(self._parts, source, by)
        self._index_writer.finish(by)

    def _quarantined(self, source: str) -> int:
        with self._parts.database.read() as connection:
            return held_now(connection, source)

    @property
    def _cut_as_now(self) -> frozenset[str]:
        """The rules under which a stored version is cut as it would be now."""
        now = rules(self._chunk_characters)
        return frozenset({now, ""} if now == UNRECORDED else {now})

    def _now(self) -> str:
        return timestamp(self._parts.clock.now())


def _problem(path: str, error: MunimentError, why: Why) -> Problem:
    return Problem(path, str(error).removeprefix(f"{path}: "), why)


def _bytes(read: _Read) -> int:
    return len(read.version.original or b"") if read.version else 0

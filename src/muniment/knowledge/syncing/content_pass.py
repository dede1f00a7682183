"""Keeps what is stored of a source equal to what there is to read.

Invariants:
- a page of the feed and its cursor commit together; a killed pass goes on where it was, and reads nothing twice that
  was stored;
- a document is stored with the access that its item has in that same transaction;
- an item that cannot be read fails alone: it is tried again, then given up on record, and what was read from it
  before is withheld.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

import sqlalchemy as sa

from muniment.foundation.clock import timestamp
from muniment.foundation.errors import BadInput, MunimentError, Unavailable
from muniment.governance.audit.entry import Actor, Entry
from muniment.knowledge import changes, library
from muniment.knowledge.access import NOBODY
from muniment.knowledge.ingestion.ahead import ahead
from muniment.knowledge.ingestion.chunk import HIGHEST, UNRECORDED, rules
from muniment.knowledge.ingestion.in_use import embedder_in_use
from muniment.knowledge.ingestion.index_writer import IndexWriter
from muniment.knowledge.ingestion.indexing import Indexing
from muniment.knowledge.ingestion.parser import Parser
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.ingestion.turn import turn_beside_builds
from muniment.knowledge.ingestion.versions import version_of
from muniment.knowledge.library import DocumentRow, NewDocument, NewVersion
from muniment.knowledge.sources.connector import Connector, CursorLost, Gone, Item, Throttled, Unreadable
from muniment.knowledge.syncing import connection as connections
from muniment.knowledge.syncing import items, people, scopes
from muniment.knowledge.syncing.items import Waiting

_PORTION = 200
"""Items whose facts are held at a time."""


@dataclass(slots=True)
class ContentReport:
    """What a pass over content did."""

    listed: int = 0
    waiting: int = 0
    """Items that are to be read, as far as is known."""
    stored: int = 0
    same: int = 0
    """Items whose bytes had not changed."""
    removed: int = 0
    failed: int = 0
    given_up: int = 0
    chunks: int = 0
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """Return how many of those that wait were dealt with."""
        return self.stored + self.same + self.failed


Stage = Literal["list", "read"]
OnStep = Callable[[Stage, ContentReport], None]


@dataclass(frozen=True, slots=True)
class _Fetched:
    one: Waiting
    content: bytes = b""
    revision: str = ""
    scope: str | None = None
    error: MunimentError | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    one: Waiting
    version: NewVersion | None = None
    revision: str = ""
    scope: str | None = None
    error: MunimentError | None = None
    same: bool = False


class ContentPass:
    """Reads the content of connected sources."""

    def __init__(
        self,
        parts: Parts,
        index: IndexWriter,
        parser: Callable[[], Parser],
        max_file_bytes: int,
        chunk_characters: int = HIGHEST,
    ) -> None:
        self._parts = parts
        self._index = index
        self._parser = parser
        self._max_file_bytes = max_file_bytes
        self._chunk_characters = chunk_characters

    def run(
        self, name: str, connector: Connector, by: Actor, on_step: OnStep = lambda _stage, _report: None
    ) -> ContentReport:
        """List what there is, and read what is new or changed.

        Raises as the connector does, and Conflict while another ingest runs; what was listed and stored until then
        stays.
        """
        started, report = self._parts.clock.seconds(), ContentReport()
        try:
            with self._parts.database.read() as connection:
                round_ = connections.staying(connection, name).content.round
            more = True
            while more:
                more, round_ = self._list(name, connector, round_, by, report)
                on_step("list", report)
            with self._parts.database.read() as connection:
                report.waiting = items.count_waiting(connection, name, self._now())
            if report.waiting:
                with turn_beside_builds(self._parts.database):
                    self._read(name, connector, round_, by, report, on_step)
                    self._index.finish(by)
        except MunimentError as error:
            with self._parts.database.write() as connection:
                connections.failed(connection, name, "content", str(error))
            raise
        report.seconds = self._parts.clock.seconds() - started
        return report

    def _list(
        self, name: str, connector: Connector, round_: int, by: Actor, report: ContentReport
    ) -> tuple[bool, int]:
        """Take one page of the feed in; return whether the pass goes on, and the round of what comes next."""
        database = self._parts.database
        with database.read() as connection:
            cursor = connections.going_on(connection, name, "content", round_).content.at
        try:
            page = connector.changes(cursor)
        except CursorLost:
            with database.write() as connection:
                known = connections.going_on(connection, name, "content", round_)
                connections.restart(connection, name, "content", known.content)
            if not cursor:
                raise
            return True, round_ + 1
        at = timestamp(self._parts.clock.now())
        with database.write() as connection:
            known = connections.going_on(connection, name, "content", round_)
            items.list_(connection, name, page.items, round_, at)
            listed = {one.id for one in page.items}
            removed = items.gone(connection, name, [one for one in page.gone if one not in listed], at)
            if page.more:
                connections.advance(connection, name, "content", page.cursor)
            else:
                if known.content.whole:
                    removed += items.gone(connection, name, items.unlisted(connection, name, round_), at)
                self._recut(connection, name)
                connections.end(connection, name, "content", known.content, page.cursor, self._now())
                changes.mark_synced(connection, name, at)
            report.listed += len(page.items)
            report.removed += removed
            if removed:
                about = {"source": name, "documents": removed}
                self._parts.audit.append(connection, [Entry("source.removed_documents", by, about)])
        return page.more, round_ if page.more else round_ + 1

    def _recut(self, connection: sa.Connection, name: str) -> None:
        """Let what was cut by other rules than today's be read again."""
        now = rules(self._chunk_characters)
        cut = frozenset({now, ""} if now == UNRECORDED else {now})
        items.read_again(connection, name, sorted(library.cut_otherwise(connection, name, cut)))

    def _read(
        self,
        name: str,
        connector: Connector,
        round_: int,
        by: Actor,
        report: ContentReport,
        on_step: OnStep,
    ) -> None:
        parts = self._parts
        with parts.database.read() as connection:
            embedder = embedder_in_use(parts, connection)
        accord = _Accord(name, round_)

        def committed(documents: Sequence[NewDocument], unfit: set[str]) -> None:
            report.stored += len(documents)
            report.chunks += sum(len(one.version.chunks) for one in documents)
            on_step("read", report)

        with Indexing(parts, self._index, name, by, embedder, committed, accord) as indexing:
            for read in ahead(lambda: self._parsed(name, connector), _held):
                if read.version is not None:
                    accord.expect(read.one.item, read.revision, read.scope)
                    indexing.add(NewDocument(read.one.item.path, read.version, NOBODY))
                elif read.same:
                    self._keep(name, round_, read)
                    report.same += 1
                else:
                    self._fail(name, round_, read.one, read.error, by, report)
                on_step("read", report)

    def _parsed(self, name: str, connector: Connector) -> Iterator[_Read]:
        parser: Parser | None = None
        try:
            for fetched in ahead(lambda: self._fetched(name, connector), lambda one: len(one.content)):
                if fetched.error is not None:
                    yield _Read(fetched.one, error=fetched.error)
                elif self._is_same(fetched):
                    yield _Read(fetched.one, revision=fetched.revision, same=True)
                else:
                    parser = parser or self._parser()
                    yield self._parse(parser, fetched)
        finally:
            if parser is not None:
                parser.close()

    def _fetched(self, name: str, connector: Connector) -> Iterator[_Fetched]:
        after = ""
        while True:
            with self._parts.database.read() as connection:
                portion = items.waiting(connection, name, self._now(), after, _PORTION)
            if not portion:
                return
            after = portion[-1].item.id
            for one in portion:
                yield self._fetch(connector, one)

    def _fetch(self, connector: Connector, one: Waiting) -> _Fetched:
        limit = self._max_file_bytes
        try:
            if one.item.size > limit:
                raise _too_large(one.item.size, limit)
            content = connector.fetch(one.item)
            if len(content.content) > limit:
                raise _too_large(len(content.content), limit)
        except (Throttled, Unavailable):
            raise
        except MunimentError as error:
            return _Fetched(one, error=error)
        return _Fetched(one, content.content, content.revision or one.item.revision, content.scope)

    def _is_same(self, fetched: _Fetched) -> bool:
        if fetched.one.document is None or fetched.one.attempts:
            return False
        with self._parts.database.read() as connection:
            row = library.get_document(connection, fetched.one.document)
            if row is None or row.content_hash != hashlib.sha256(fetched.content).hexdigest():
                return False
            now = rules(self._chunk_characters)
            made = library.versions_made(connection, [(row.id, row.version)]).get((row.id, row.version))
            return made is not None and made.chunking in ({now, ""} if now == UNRECORDED else {now})

    def _parse(self, parser: Parser, fetched: _Fetched) -> _Read:
        item = fetched.one.item
        name = item.name or PurePosixPath(item.path).name
        try:
            version = version_of(
                parser,
                name,
                fetched.content,
                self._chunk_characters,
                item.modified_at,
                item.title,
                item.author,
            )
        except BadInput as error:
            return _Read(fetched.one, error=error)
        return _Read(fetched.one, version, fetched.revision, fetched.scope)

    def _keep(self, name: str, round_: int, read: _Read) -> None:
        with self._parts.database.write() as connection:
            connections.going_on(connection, name, "content", round_)
            if read.one.document is not None:
                items.stored(connection, name, read.one.item.id, read.one.document, read.revision)

    def _fail(
        self,
        name: str,
        round_: int,
        one: Waiting,
        error: MunimentError | None,
        by: Actor,
        report: ContentReport,
    ) -> None:
        parts = self._parts
        why = error.why if isinstance(error, Unreadable) else "content"
        with parts.database.write() as connection:
            connections.going_on(connection, name, "content", round_)
            if isinstance(error, Gone):
                at = timestamp(parts.clock.now())
                report.removed += items.gone(connection, name, [one.item.id], at)
                report.same += 1
                return
            final = not (isinstance(error, Unreadable) and why == "unreachable")
            dead = items.failed(connection, name, one, why, str(error), self._now(), final)
            about = {"source": name, "path": parts.audit.commitment(one.item.path), "why": why}
            if one.document is not None:
                about["document"] = one.document
            parts.audit.append(connection, [Entry("ingest.file_failed", by, about)])
        report.failed += 1
        report.given_up += int(dead)

    def _now(self) -> float:
        return self._parts.clock.now().timestamp()


class _Accord:
    """Fills `Accord`: gives documents the access of their items, and marks the items as read."""

    def __init__(self, source: str, round_: int) -> None:
        self._source = source
        self._round = round_
        self._people: tuple[str, people.Known] = ("", people.Known())
        """As stored, with the digest of them."""
        self._expected: dict[str, tuple[Item, str, str | None]] = {}

    def expect(self, item: Item, revision: str, scope: str | None) -> None:
        """Tell which item a document at a path comes from, before it is taken."""
        self._expected[item.path] = (item, revision, scope)

    def before(self, connection: sa.Connection, documents: Sequence[NewDocument]) -> Sequence[NewDocument]:
        """Return the documents with the access of their items as of now."""
        connected = connections.going_on(connection, self._source, "content", self._round)
        found = items.at_path(connection, self._source, [one.path for one in documents])
        scope_of = {path: scope for path, (_, scope) in found.items() if self._agrees(path, scope)}
        stated = scopes.stated_of(connection, self._source, set(scope_of.values()))
        denied = any(one.deny for one in stated.values())
        if denied and self._people[0] != connected.people:
            self._people = connected.people, people.stored(connection, self._source)
        known = self._people[1] if denied else people.Known()
        lists = {name: scopes.access_list(self._source, one, known) for name, one in stated.items()}
        return [replace(one, access=lists.get(scope_of.get(one.path, ""), NOBODY)) for one in documents]

    def after(self, connection: sa.Connection, stored: Sequence[DocumentRow]) -> None:
        """Mark their items as read; those that were found in another scope than is known are in none."""
        found = items.at_path(connection, self._source, [row.path for row in stored])
        for row in stored:
            if row.path in found and not self._agrees(row.path, found[row.path][1]):
                items.unplace(connection, self._source, found[row.path][0])
            item, revision, _ = self._expected.pop(row.path)
            items.stored(connection, self._source, item.id, row.id, revision)

    def _agrees(self, path: str, scope: str) -> bool:
        seen = self._expected[path][2]
        return seen is None or seen == scope


def _too_large(size: int, limit: int) -> Unreadable:
    return Unreadable(
        f"{size:,} bytes, over the limit of {limit >> 20} MB (ingestion.max_file_mb).", why="size"
    )


def _held(read: _Read) -> int:
    return len(read.version.original or b"") if read.version else 0

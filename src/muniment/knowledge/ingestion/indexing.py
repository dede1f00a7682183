"""Parsed documents on their way into the library: embedded as they come, committed batch by batch.

Parsing, embedding and committing go on at the same time, each on threads of its own, so that none waits for
another while there is work for it. Content, access list, index and audit entry of a batch commit
together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import numpy as np
import sqlalchemy as sa

from muniment.foundation.clock import timestamp
from muniment.governance.audit.entry import Actor, Entry
from muniment.inference.embedding import Embedder, Vectors, cores
from muniment.knowledge import changes
from muniment.knowledge.ingestion.fitness import by_fitness
from muniment.knowledge.ingestion.index_writer import IndexWriter
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.ingestion.quality.assess import assess
from muniment.knowledge.ingestion.quality.store import store
from muniment.knowledge.library import DocumentRow, NewDocument, NewVersion
from muniment.knowledge.retrieval import segment

FIRST_BATCH = 16
"""Chunks of the first batch; each is twice as large as the one before, up to BATCH_CHUNKS."""
BATCH_CHUNKS = 96
BATCH_DOCUMENTS = 48
BATCH_BYTES = 16 << 20
"""Of original files, which are held until they are committed; one that is larger is a batch by itself."""
_WAITING = 2
"""Batches that may wait to be committed before no further document is taken."""


@dataclass(frozen=True, slots=True)
class _Batch:
    documents: Sequence[NewDocument]
    vectors: Sequence[Future[Vectors]]


class Accord(Protocol):
    """What else has to hold of documents when they are stored."""

    def before(self, connection: sa.Connection, documents: Sequence[NewDocument]) -> Sequence[NewDocument]:
        """Return the documents as they are to be stored, in the same order, with who may read them as of now."""
        ...

    def after(self, connection: sa.Connection, stored: Sequence[DocumentRow]) -> None:
        """Keep what goes with the documents that were stored."""
        ...


class Indexing:
    """Takes documents one by one; a context whose end commits what is left, or, on an error, drops it."""

    def __init__(
        self,
        parts: Parts,
        index: IndexWriter,
        source: str,
        by: Actor,
        embedder: Embedder | None,
        on_committed: Callable[[Sequence[NewDocument], set[str]], None],
        accord: Accord | None = None,
    ) -> None:
        """`embedder` is the model in use; the caller sees to it that it stays so.

        `on_committed` is called on the caller's thread with documents that are durable and searchable.

        Its second argument holds the paths of those that are found by words alone, since their vectors are unfit.
        `accord` has its say in the transaction that stores a batch.
        """
        self._parts = parts
        self._index = index
        self._source = source
        self._by = by
        self._embedder = embedder
        self._on_committed = on_committed
        self._accord = accord
        self._embedding = ThreadPoolExecutor(cores(), "embed")
        self._committing = ThreadPoolExecutor(1, "commit")
        self._documents: list[NewDocument] = []
        self._vectors: list[Future[Vectors]] = []
        self._chunks = self._bytes = 0
        self._size = FIRST_BATCH
        self._waiting: deque[tuple[_Batch, Future[set[str]]]] = deque()

    def __enter__(self) -> Indexing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._hand_over()
                while self._waiting:
                    self._settle()
        finally:
            self._embedding.shutdown(cancel_futures=True)
            self._committing.shutdown(cancel_futures=True)

    def add(self, document: NewDocument) -> None:
        """Take a document; raises what went wrong with an earlier batch."""
        self._documents.append(document)
        self._chunks += len(document.version.chunks)
        self._bytes += len(document.version.original or b"")
        if (embedder := self._embedder) is not None:
            self._vectors += [
                self._embedding.submit(embedder.embed_documents, [_embedded(document, at)])
                for at in range(len(document.version.chunks))
            ]
        full = self._chunks >= self._size or self._bytes >= BATCH_BYTES
        if full or len(self._documents) >= BATCH_DOCUMENTS:
            self._hand_over()
        while self._waiting and (len(self._waiting) > _WAITING or self._waiting[0][1].done()):
            self._settle()

    def _hand_over(self) -> None:
        if not self._documents:
            return
        batch = _Batch(self._documents, self._vectors)
        self._waiting.append((batch, self._committing.submit(self._commit, batch)))
        self._documents, self._vectors, self._chunks, self._bytes = [], [], 0, 0
        self._size = min(2 * self._size, BATCH_CHUNKS)

    def _settle(self) -> None:
        batch, committed = self._waiting.popleft()
        self._on_committed(batch.documents, committed.result())

    def _commit(self, batch: _Batch) -> set[str]:
        parts = self._parts
        vectors = np.concatenate([one.result() for one in batch.vectors]) if batch.vectors else None
        model = self._embedder.model.digest if self._embedder and batch.vectors else ""
        at = timestamp(parts.clock.now())
        # Before the transaction, since searches, which are recorded, wait for it.
        words = [_words(one.version) for one in batch.documents]
        labels = {one.path: parts.sensitivity.of_new(self._source, one) for one in batch.documents}
        assessed = [assess(one.version) for one in batch.documents]
        with parts.database.write() as connection:
            key = parts.keyring.data_key("identifiers")
            documents = batch.documents
            if self._accord is not None:
                documents = self._accord.before(connection, documents)
            put = changes.put_versions(connection, key, self._source, documents, at, labels)
            judged = store(connection, put, assessed, parts.quality, self._by, at)
            stored, entries = judged.rows, list[Entry]()
            if self._accord is not None:
                self._accord.after(connection, stored)
            rows: list[segment.IndexRow] = []
            for row, new, theirs in zip(stored, batch.documents, words, strict=True):
                version = new.version
                rows += [
                    segment.IndexRow(
                        row.id,
                        row.version,
                        c.ordinal,
                        row.access_class,
                        version.title,
                        c.heading,
                        c.text,
                        found,
                    )
                    for c, found in zip(version.chunks, theirs, strict=True)
                ]
                about = {
                    "document": row.id,
                    "version": row.version,
                    "content": f"sha256:{version.content_hash}",
                    "chunks": len(version.chunks),
                    "access_class": row.access_class,
                }
                if (label := labels[row.path]).label:
                    about["sensitivity"] = label.level
                entries.append(Entry("ingest.document", self._by, about))
            unfit: set[str] = set()
            for some, theirs in by_fitness(rows, vectors):
                self._index.add(connection, some, theirs, "" if theirs is None else model)
                if model and theirs is None:
                    unfit = {row.document for row in some}
            parts.audit.append(connection, [*entries, *judged.entries])
        self._index.settle(self._by)
        return {row.path for row in stored if row.id in unfit}


def _words(version: NewVersion) -> list[segment.Words]:
    return [segment.words(version.title, one.heading, one.text) for one in version.chunks]


def _embedded(document: NewDocument, at: int) -> str:
    chunk = document.version.chunks[at]
    return segment.embedding_text(document.version.title, chunk.heading, chunk.text)

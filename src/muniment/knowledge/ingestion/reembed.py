"""Makes the vectors of another model beside the index in use, and lets searches use them from one commit on.

Invariants:
- no search reads what is built before the transaction that makes its model the one in use; that transaction sees, in
  its own state, that every live document is covered, or changes nothing;
- a batch is whole or absent, so a run that was cut short goes on after the last batch that was committed;
- the lock of ingestion is held while a batch is written, and once before the switch for what changed meanwhile, but
  not while the bulk is embedded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from muniment.foundation.clock import timestamp
from muniment.foundation.errors import Conflict
from muniment.governance.audit.entry import Actor, Entry
from muniment.inference.embedding import Embedder, EmbeddingModel, Vectors
from muniment.knowledge import index_model, library
from muniment.knowledge.index_model import IndexModel
from muniment.knowledge.ingestion.condition import OnSegment
from muniment.knowledge.ingestion.fitness import by_fitness
from muniment.knowledge.ingestion.index_writer import Coverage, IndexWriter
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.ingestion.rows import index_rows
from muniment.knowledge.ingestion.turn import turn
from muniment.knowledge.retrieval import segment
from muniment.knowledge.retrieval.question import way_back
from muniment.knowledge.retrieval.segment import IndexRow

BATCH_CHUNKS = 64
"""What a killed run loses at most, beyond the last document of the batch."""
_ROUNDS = 3
"""Times that what changed meanwhile is made without the lock, before the rest is made under it."""
_WORK = "reembed"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """An embedding model as the index stands to it."""

    model: EmbeddingModel
    state: Literal["in use", "building", "available", "unused"]
    """`unused` is known, but not present."""
    present: bool
    fix: str
    """What to do where it is not present."""
    done: int = 0
    """Documents that hold its vectors, of `total`, while it is being built."""
    total: int = 0


@dataclass(frozen=True, slots=True)
class Reembedded:
    """What was done, or would be."""

    model: EmbeddingModel
    before: EmbeddingModel | None
    """The model that searches used."""
    documents: int
    """Live documents that have something to be indexed."""
    made: int
    """Those whose vectors this run made, or would make."""
    bare: tuple[str, ...]
    """Source and path of those that are found by words alone, since their vectors are not finite."""
    switched: bool
    """Whether searches use the model from now on; false where they did already, too."""


class Reembed:
    """Builds an index with another model for one workspace, one run at a time."""

    def __init__(self, parts: Parts, index: IndexWriter) -> None:
        self._parts = parts
        self._index = index

    def models(self) -> list[KnownModel]:
        """Return the model in use, the one being built and all others that are known, in this order."""
        embedders = self._parts.embedders
        with self._parts.database.read() as connection:
            live, build = index_model.live(connection), index_model.building(connection)
            held = self._index.coverage(connection, build) if build is not None else None
        found: list[KnownModel] = []
        for one in (live, build):
            if one is not None:
                offer = embedders.offer(one.model.digest)
                present = offer is not None and offer.is_present()
                fix = "" if present else way_back(embedders, one.model)
                if one is build and held is not None:
                    found.append(KnownModel(one.model, "building", present, fix, held.done, held.total))
                else:
                    found.append(KnownModel(one.model, "in use", present, fix))
        named = {one.model.digest for one in found}
        for offer in embedders.offers:
            if offer.model.digest not in named:
                present = offer.is_present()
                state = "available" if present else "unused"
                found.append(KnownModel(offer.model, state, present, "" if present else offer.fix))
        return found

    def plan(self, model: EmbeddingModel, restart: bool = False) -> Reembedded:
        """Return what `run` would do; raises Conflict where another model is being built."""
        with self._parts.database.read() as connection:
            live, build = index_model.live(connection), index_model.building(connection)
            before = None if live is None else live.model
            if before is not None and before.digest == model.digest:
                return self._nothing(before)
            build = None if restart else build
            _require(build, model)
            found = self._index.coverage(connection, build or IndexModel(model, -1, ""))
        return Reembedded(model, before, found.total, len(found.missing), (), False)

    def run(
        self,
        embedder: Embedder,
        by: Actor,
        restart: bool = False,
        on_document: OnSegment = lambda done, total: None,
    ) -> Reembedded:
        """Build, or go on building, and switch; with `restart`, whatever is being built is dropped first.

        Raises Conflict where another run works, or another model is being built.
        """
        database = self._parts.database
        with database.alone(_WORK):
            if restart:
                self._drop(by)
            build = self.begin(embedder.model, by)
            if build is None:
                return self._nothing(embedder.model)
            with turn(database):
                self._index.weed(build, by, whole=True)
            made = sum(self._round(build, embedder, by, on_document) for _ in range(_ROUNDS))
            done = self.finish(build, embedder, by, made)
            self._index.tidy()
        on_document(done.documents, done.documents)
        return done

    def drop(self, by: Actor) -> EmbeddingModel | None:
        """Give up what is being built; return its model, None where there is nothing. Raises Conflict as `run`."""
        with self._parts.database.alone(_WORK):
            return self._drop(by)

    def begin(self, model: EmbeddingModel, by: Actor) -> IndexModel | None:
        """Record that a model is being built, or return what was built of it so far; None for the one in use."""
        parts = self._parts
        with parts.database.write() as connection:
            live, build = index_model.live(connection), index_model.building(connection)
            if live is not None and live.model.digest == model.digest:
                if build is not None and build.model.digest == model.digest:
                    self._give_up(connection, build, by)
                return None
            _require(build, model)
            if build is None:
                build = index_model.begin(connection, model, timestamp(parts.clock.now()))
                about = {"model": model.digest, "before": live.model.digest if live else None}
                parts.audit.append(connection, [Entry("index.build_started", by, about)])
        return build

    def missing(self, build: IndexModel) -> Coverage:
        """Return what the build lacks of the live documents."""
        with self._parts.database.read() as connection:
            return self._index.coverage(connection, build)

    def step(self, build: IndexModel, embedder: Embedder, documents: Sequence[str], by: Actor) -> int:
        """Embed these documents and add them to the build as one batch; return how many were still as read."""
        with self._parts.database.read() as connection:
            found = [library.get_document(connection, name) for name in documents]
            rows = index_rows(connection, [one for one in found if one is not None])
        return self._add(build, embedder, rows, by)

    def finish(self, build: IndexModel, embedder: Embedder, by: Actor, made: int = 0) -> Reembedded:
        """Add what changed meanwhile, see that nothing is missing, and switch, while nobody ingests."""
        with turn(self._parts.database):
            self._index.weed(build, by, whole=False)
            for rows, _ in self._batches(self.missing(build).missing):
                made += self._write(build, rows, _embedded(embedder, rows), by)
            return self._switch(build, made, by)

    def _round(self, build: IndexModel, embedder: Embedder, by: Actor, on_document: OnSegment) -> int:
        found = self.missing(build)
        done, made = found.done, 0
        on_document(done, found.total)
        for rows, documents in self._batches(found.missing):
            made += self._add(build, embedder, rows, by)
            done += documents
            on_document(done, found.total)
        return made

    def _batches(self, names: Sequence[str]) -> Iterator[tuple[list[IndexRow], int]]:
        """Yield rows of whole documents, and of how many."""
        at = 0
        while at < len(names):
            first, rows = at, list[IndexRow]()
            with self._parts.database.read() as connection:
                while at < len(names) and len(rows) < BATCH_CHUNKS:
                    found = library.get_document(connection, names[at])
                    rows += index_rows(connection, [found] if found is not None else [])
                    at += 1
            yield rows, at - first

    def _add(self, build: IndexModel, embedder: Embedder, rows: Sequence[IndexRow], by: Actor) -> int:
        vectors = _embedded(embedder, rows)
        with turn(self._parts.database):
            return self._write(build, rows, vectors, by)

    def _write(self, build: IndexModel, rows: Sequence[IndexRow], vectors: Vectors, by: Actor) -> int:
        """Commit a batch, without what changed since it was read; return how many documents."""
        parts = self._parts
        with parts.database.write() as connection:
            _require_current(index_model.building(connection), build)
            now = library.changes_of(connection, sorted({row.document for row in rows}))
            at = [n for n, row in enumerate(rows) if now[row.document].version == row.version]
            kept = [rows[n] for n in at]
            documents = len({row.document for row in kept})
            for some, theirs in by_fitness(kept, vectors[at]):
                digest = "" if theirs is None else build.model.digest
                self._index.add(connection, some, theirs, digest, build)
            if kept:
                about = {"model": build.model.digest, "documents": documents, "chunks": len(kept)}
                parts.audit.append(connection, [Entry("index.build_added", by, about)])
        self._index.settle(by)
        return documents

    def _switch(self, build: IndexModel, made: int, by: Actor) -> Reembedded:
        parts = self._parts
        with parts.database.write() as connection:
            _require_current(index_model.building(connection), build)
            found = self._index.coverage(connection, build)
            if found.missing:
                raise Conflict(
                    f"{len(found.missing)} documents changed while the index was about to be switched.",
                    fix="Run the same command again: it goes on where it was.",
                )
            live = index_model.live(connection)
            self._index.forget(connection, index_model.live_generation(connection))
            index_model.switch(connection, timestamp(parts.clock.now()))
            about = {
                "model": build.model.digest,
                "before": live.model.digest if live else None,
                "documents": found.total,
                "words_alone": len(found.bare),
            }
            parts.audit.append(connection, [Entry("index.model_switched", by, about)])
            bare = [library.get_document(connection, name) for name in found.bare]
        before = live.model if live else None
        named = tuple(sorted(f"{one.source}/{one.path}" for one in bare if one is not None))
        return Reembedded(build.model, before, found.total, made, named, True)

    def _drop(self, by: Actor) -> EmbeddingModel | None:
        database = self._parts.database
        with turn(database), database.write() as connection:
            build = index_model.building(connection)
            if build is None:
                return None
            self._give_up(connection, build, by)
        self._index.tidy()
        return build.model

    def _give_up(self, connection: sa.Connection, build: IndexModel, by: Actor) -> None:
        self._index.forget(connection, build.generation)
        index_model.abandon(connection)
        about = {"model": build.model.digest}
        self._parts.audit.append(connection, [Entry("index.build_dropped", by, about)])

    def _nothing(self, model: EmbeddingModel) -> Reembedded:
        with self._parts.database.read() as connection:
            return Reembedded(model, model, len(library.with_chunks(connection)), 0, (), False)


def _embedded(embedder: Embedder, rows: Sequence[IndexRow]) -> Vectors:
    return embedder.embed_documents(
        [segment.embedding_text(row.title, row.heading, row.body) for row in rows]
    )


def _require(build: IndexModel | None, model: EmbeddingModel) -> None:
    """Raise Conflict where another model is being built."""
    if build is not None and build.model.digest != model.digest:
        raise Conflict(
            f"The index is being made with the embedding model {build.model.name}.",
            fix=f"Finish it with `muniment index reembed {build.model.name}`, give it up with "
            f"`muniment index reembed --drop`, or begin anew: `muniment index reembed {model.name} --restart`.",
        )


def _require_current(now: IndexModel | None, build: IndexModel) -> None:
    if now is None or now.generation != build.generation:
        raise Conflict("Another process gave up what was being built.", fix="Run the same command again.")

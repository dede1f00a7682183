"""Keeps the index of the Postgres engine: rows that commit with the documents they belong to."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence

import numpy as np
import sqlalchemy as sa

from muniment.foundation.errors import Tampered
from muniment.governance.audit.entry import Actor, Entry
from muniment.inference.embedding import Vectors
from muniment.knowledge import changes, library
from muniment.knowledge.index_model import LIVE_GENERATION, IndexModel
from muniment.knowledge.ingestion.fitness import by_fitness
from muniment.knowledge.ingestion.in_use import embedder_in_use, generation_in_use
from muniment.knowledge.ingestion.index_writer import Coverage
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.ingestion.rows import index_rows
from muniment.knowledge.retrieval import codes, segment, wording
from muniment.knowledge.retrieval.postgres import LENGTHS, ORDINAL, POSTING, array, vector_text
from muniment.knowledge.retrieval.segment import FIELDS, IndexRow, Integers

_DOCUMENTS = 256
"""Documents that are indexed again in one transaction."""

_FORGET = sa.text(
    "DELETE FROM index_document WHERE document = ANY(CAST(:documents AS text[])) AND generation = :generation"
)
_EXPEL = sa.text("DELETE FROM index_document WHERE document = ANY(CAST(:documents AS text[]))")
_ENTER = sa.text("""
INSERT INTO index_document (document, version, generation, model, wording, chunks, ordinals, lengths, longest)
SELECT document, version, :generation, :model, :wording, chunks, ordinals, lengths, longest
FROM unnest(CAST(:documents AS text[]), CAST(:versions AS integer[]), CAST(:chunks AS integer[]),
  CAST(:ordinals AS bytea[]), CAST(:lengths AS bytea[]), CAST(:longest AS real[]))
  AS given (document, version, chunks, ordinals, lengths, longest)
RETURNING document, number
""")
_ENTER_TERMS = sa.text("""
INSERT INTO index_term (number, term, postings)
SELECT number, term, substring(CAST(:packed AS bytea) FROM start FOR size)
FROM unnest(CAST(:numbers AS integer[]), CAST(:terms AS bigint[]), CAST(:starts AS integer[]),
  CAST(:sizes AS integer[])) AS given (number, term, start, size)
""")
_ENTER_CHUNKS = sa.text("""
INSERT INTO index_chunk (number, place, embedding)
SELECT number, place, CAST(embedding AS vector)
FROM unnest(CAST(:numbers AS integer[]), CAST(:places AS integer[]), CAST(:vectors AS text[]))
  AS given (number, place, embedding)
""")
_DEAD = sa.text("""
DELETE FROM index_document i USING document d
WHERE d.id = i.document AND (d.state <> 'live' OR d.version <> i.version)
""")
_GIVEN_UP = sa.text(f"""
SELECT number FROM index_document
WHERE generation <> {LIVE_GENERATION} AND generation NOT IN (SELECT generation FROM index_model) ORDER BY number
""")
_DELETE = sa.text("DELETE FROM index_document WHERE number = ANY(CAST(:numbers AS integer[]))")
_UNSOUND = """
  FROM document d
  LEFT JOIN index_document i ON i.document = d.id AND i.version = d.version AND i.generation = {generation}
WHERE d.state = 'live'
  AND EXISTS (SELECT FROM chunk c WHERE c.document = d.id AND c.version = d.version)
  AND (i.number IS NULL OR i.wording <> :wording OR ({other_model})
    OR i.chunks <> (SELECT count(*) FROM chunk c WHERE c.document = d.id AND c.version = d.version)
    OR (i.model <> '' AND i.chunks <> (SELECT count(*) FROM index_chunk c WHERE c.number = i.number)))
ORDER BY d.id
"""
_STALE = sa.text(
    "SELECT d.id"
    + _UNSOUND.format(generation=LIVE_GENERATION, other_model=":model <> '' AND i.model <> :model")
)
_MISSING = sa.text(
    "SELECT d.id" + _UNSOUND.format(generation=":generation", other_model="i.model NOT IN ('', :model)")
)
_BARE = sa.text("""
SELECT d.id FROM document d JOIN index_document i ON i.document = d.id AND i.version = d.version
WHERE d.state = 'live' AND i.generation = :generation AND i.model = '' ORDER BY d.id
""")
_TOTAL = sa.text("""
SELECT count(*) FROM document d
WHERE d.state = 'live' AND EXISTS (SELECT FROM chunk c WHERE c.document = d.id AND c.version = d.version)
""")
_COUNTS = sa.text(
    f"SELECT count(*), coalesce(sum(chunks), 0) FROM index_document WHERE generation = {LIVE_GENERATION}"
)


class RowWriter:
    """Fills `IndexWriter` in the workspace's own Postgres database."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add(
        self,
        connection: sa.Connection,
        rows: Sequence[IndexRow],
        vectors: Vectors | None,
        model: str,
        build: IndexModel | None = None,
    ) -> None:
        """Replace the index rows of these documents."""
        if not rows:
            return
        if vectors is not None:
            codes.require_finite(vectors)
        order = sorted(range(len(rows)), key=lambda at: (rows[at].document, rows[at].ordinal))
        placed = [rows[at] for at in order]
        ends = segment.extents(placed)
        starts = np.array(ends, np.int64)
        keys, token_rows, fields = segment.tokens(placed)
        lengths = segment.lengths(token_rows, fields, len(placed)).astype(LENGTHS.base)
        moved = None if vectors is None else np.ascontiguousarray(vectors[order], np.float32)
        spans = [slice(start, end) for start, end in itertools.pairwise(ends)]
        documents = [placed[span.start].document for span in spans]
        generation = build.generation if build else generation_in_use(self._parts, connection, vectors, model)
        connection.execute(_FORGET, {"documents": documents, "generation": generation})
        ordinals = np.array([row.ordinal for row in placed], ORDINAL)
        entered = connection.execute(
            _ENTER,
            {
                "documents": documents,
                "versions": [placed[span.start].version for span in spans],
                "generation": generation,
                "model": model if vectors is not None else "",
                "wording": wording.VERSION,
                "chunks": [span.stop - span.start for span in spans],
                "ordinals": [ordinals[span].tobytes() for span in spans],
                "lengths": [lengths[span].tobytes() for span in spans],
                "longest": [_longest(moved, span) for span in spans],
            },
        )
        numbers = {document: number for document, number in entered}
        owners = np.array([numbers[document] for document in documents], np.int64)
        counts = np.eye(len(FIELDS), dtype=np.uint8)[fields]
        self._enter_terms(connection, segment.grouped(keys, token_rows, counts, starts), owners)
        if moved is not None:
            sizes = np.diff(starts)
            places = np.arange(len(placed)) - np.repeat(starts[:-1], sizes)
            said = {"numbers": array(np.repeat(owners, sizes)), "places": array(places)}
            connection.execute(_ENTER_CHUNKS, {**said, "vectors": [vector_text(one) for one in moved]})

    def _enter_terms(self, connection: sa.Connection, found: segment.Grouped, owners: Integers) -> None:
        postings = np.zeros(len(found.rows), POSTING)
        postings["place"], postings["counts"] = found.rows, found.counts
        sizes = found.sizes * POSTING.itemsize
        said = {
            "numbers": array(np.repeat(owners, found.block_keys)),
            "terms": array(found.keys.view(np.int64)),
            "starts": array(1 + np.cumsum(sizes) - sizes),
            "sizes": array(sizes),
            "packed": postings.tobytes(),
        }
        connection.execute(_ENTER_TERMS, said)

    def settle(self, by: Actor) -> None:
        """Rows need no merging."""

    def finish(self, by: Actor) -> None:
        """Delete rows of versions that are not current, and index again what is stale, missing or damaged."""
        parts = self._parts
        self.tidy()
        with parts.database.write() as connection:
            connection.execute(_DEAD)
        stale = self._stale()
        for start in range(0, len(stale), _DOCUMENTS):
            self._again(stale[start : start + _DOCUMENTS], by)

    def expel(self, documents: Collection[str], by: Actor) -> None:
        """Delete their rows; the caller scrubs the database."""
        every = sorted(documents)
        for start in range(0, len(every), _DOCUMENTS):
            with self._parts.database.write() as connection:
                connection.execute(_EXPEL, {"documents": every[start : start + _DOCUMENTS]})

    def coverage(self, connection: sa.Connection, build: IndexModel) -> Coverage:
        """Return what a build holds."""
        said = {"generation": build.generation, "wording": wording.VERSION, "model": build.model.digest}
        missing = connection.execute(_MISSING, said).scalars()
        bare = connection.execute(_BARE, said).scalars()
        return Coverage(int(connection.execute(_TOTAL).scalar_one()), tuple(missing), tuple(bare))

    def weed(self, build: IndexModel, by: Actor, whole: bool) -> None:
        """Whatever is unsound counts as missing, and takes the place of what was there when it is made."""

    def forget(self, connection: sa.Connection, generation: int) -> None:
        """No search of a later snapshot reads the rows; to delete so many would hold up the caller's transaction."""

    def tidy(self) -> None:
        """Delete rows of generations that are given up, some in each transaction."""
        with self._parts.database.read() as connection:
            numbers = list(connection.execute(_GIVEN_UP).scalars())
        for start in range(0, len(numbers), _DOCUMENTS):
            with self._parts.database.write() as connection:
                connection.execute(_DELETE, {"numbers": numbers[start : start + _DOCUMENTS]})

    def examine(self) -> str:
        """Compare the index with the chunks; raises Tampered for one that lacks rows."""
        with self._parts.database.read() as connection:
            documents, chunks = connection.execute(_COUNTS).one()
        stale = self._stale()
        if stale:
            raise Tampered(
                f"The index rows of {len(stale)} documents are missing or of another model.",
                fix="Ingest the sources again: it makes them anew.",
            )
        return f"{chunks} chunks of {documents} documents are indexed"

    def _stale(self) -> list[str]:
        with self._parts.database.read() as connection:
            embedder = embedder_in_use(self._parts, connection)
            said = {"wording": wording.VERSION, "model": embedder.model.digest if embedder else ""}
            return list(connection.execute(_STALE, said).scalars())

    def _again(self, documents: Sequence[str], by: Actor) -> None:
        with self._parts.database.read() as connection:
            embedder = embedder_in_use(self._parts, connection)
            found = [library.get_document(connection, name) for name in documents]
            rows = index_rows(connection, [one for one in found if one is not None])
        if not rows:
            return
        texts = [segment.embedding_text(row.title, row.heading, row.body) for row in rows]
        vectors = embedder.embed_documents(texts) if embedder else None
        with self._parts.database.write() as connection:
            for some, theirs in by_fitness(rows, vectors):
                self.add(
                    connection, some, theirs, embedder.model.digest if embedder and theirs is not None else ""
                )
            changes.mark_reindexed(connection)
            about = {"documents": len(documents), "chunks": len(rows)}
            self._parts.audit.append(connection, [Entry("index.rows_made_again", by, about)])


def _longest(vectors: Vectors | None, span: slice) -> float:
    """Return a bound on the length of a document's vectors."""
    if vectors is None:
        return 0.0
    length = np.linalg.norm(vectors[span].astype(np.float64), axis=1).max()
    return float(np.nextafter(np.float32(length), np.float32(np.inf)))

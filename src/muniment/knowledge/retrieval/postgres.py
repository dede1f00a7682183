"""The index engine inside Postgres: pgvector and postings by document, exact and without an approximate index.

Invariants:
- a search starts from the documents that the caller may read and reaches every other row by their numbers, so rows
  of other documents cost no time; row-level security holds them back a second time;
- rows of the generation in use are read and no others, so that a build beside it is neither seen nor compared;
- the server estimates, and bounds how far it may be off; what may be among the best is computed here from the stored
  vectors, with the formulas of the embedded engine, so both give the same bits.

A document's chunks have places from 0. Numbers cross the wire packed, many in one value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from muniment.foundation.errors import NotSetUp, Tampered
from muniment.foundation.postgres import CONNECTIONS
from muniment.foundation.revisions import Revisions
from muniment.knowledge.index_model import LIVE_GENERATION
from muniment.knowledge.passage import Why
from muniment.knowledge.retrieval import codes, lexical, wording
from muniment.knowledge.retrieval.codes import Doubles, Floats
from muniment.knowledge.retrieval.engine import Asked
from muniment.knowledge.retrieval.filters import EVERYTHING, Filters
from muniment.knowledge.retrieval.lexical import LexicalSettings
from muniment.knowledge.retrieval.rank import Hit, Ranking, ranked
from muniment.knowledge.retrieval.reasons import reasons
from muniment.knowledge.retrieval.segment import FIELDS, Integers, key
from muniment.knowledge.retrieval.visibility import AccessIndex, Visibility

POSTING = np.dtype([("place", "<u2"), ("counts", "u1", (len(FIELDS),))])
"""A chunk that holds a term, and how often by field."""
ORDINAL = np.dtype("<i4")
LENGTHS = np.dtype(("<u2", (len(FIELDS),)))
"""Terms of a chunk by field."""

_NUMBER = np.dtype(">i4")
_SINGLE = np.dtype(">f4")
_HALF_STEP = 2.0**-24
"""Relative error of one float32 operation."""

_LIVE = f"i.generation = {LIVE_GENERATION}"
_READABLE = sa.text(f"""
SELECT string_agg(int4send(i.number), ''), string_agg(int4send(i.chunks), ''), string_agg(i.ordinals, ''),
  string_agg(i.lengths, ''), string_agg(boolsend(i.model = :model), ''),
  max(i.longest) FILTER (WHERE i.model = :model), min(i.wording), max(i.wording)
FROM document d JOIN index_document i ON i.document = d.id AND {_LIVE} AND i.version = d.version
WHERE d.state = 'live' AND d.access_class = ANY(CAST(:classes AS integer[]))
""")
_ADMITTED = sa.text(_READABLE.text + "AND i.number = ANY(CAST(:admitted AS integer[]))")
_LEFT_OUT = "AND d.id <> ALL(CAST(:left_out AS text[]))"
_ATTRIBUTES = sa.text(f"""
SELECT i.number, d.source, d.path, d.media_type, d.author, d.modified_at
FROM document d JOIN index_document i ON i.document = d.id AND {_LIVE} AND i.version = d.version
WHERE d.state = 'live' AND d.access_class = ANY(CAST(:classes AS integer[]))
""")
_NUMBERS = sa.text(f"""
SELECT document, version, number FROM index_document i
WHERE document = ANY(CAST(:documents AS text[])) AND {_LIVE}
""")
_PRODUCTS = sa.text("""
SELECT string_agg(int4send(number), ''), string_agg(int4send(place), ''),
  string_agg(float4send(CAST(-(embedding <#> CAST(:vector AS vector)) AS real)), '')
FROM index_chunk WHERE number = ANY(CAST(:numbers AS integer[]))
""")
_VECTORS = sa.text("""
SELECT string_agg(int8send(a.at), ''), string_agg(vector_send(c.embedding), '')
FROM unnest(CAST(:numbers AS integer[]), CAST(:places AS integer[])) WITH ORDINALITY AS a (number, place, at)
JOIN index_chunk c ON c.number = a.number AND c.place = a.place
""")
_POSTINGS = sa.text("""
SELECT term, string_agg(int4send(number), ''), string_agg(int4send(length(postings)), ''),
  string_agg(postings, '')
FROM index_term WHERE number = ANY(CAST(:numbers AS integer[])) AND term = ANY(CAST(:terms AS bigint[]))
GROUP BY term
""")
_NAMES = sa.text("""
SELECT number, document, version FROM index_document WHERE number = ANY(CAST(:numbers AS integer[]))
""")


class PostgresEngine:
    """Fills `Engine` for one workspace; safe to share between threads."""

    def __init__(self) -> None:
        self._access = AccessIndex()

    @property
    def at_once(self) -> int:
        """As many as its connections: each waits for the server."""
        return CONNECTIONS

    def prepare(self, connection: sa.Connection, now: Revisions) -> None:
        """The server keeps what it needs."""

    def rank(self, connection: sa.Connection, visibility: Visibility, asked: Asked) -> Ranking:
        """Return the best hits; raises Tampered where index rows are missing, NotSetUp for other word rules."""
        rows = self._rows(connection, visibility, asked)
        found = ranked(rows, asked.query, asked.vector, asked.model, asked.limit, asked.settings)
        if asked.earlier is None:
            return found
        readable = set(np.flatnonzero(self._access.readable(connection, visibility)).tolist())
        versions, classes = asked.earlier.versions, asked.earlier.classes
        # One version of a document has rows here, the current one.
        not_kept = sorted(name for name, at in versions.items() if at and classes[name] in readable)
        return replace(found, not_kept=tuple(not_kept))

    def explain(
        self, connection: sa.Connection, visibility: Visibility, asked: Asked, hits: Sequence[Hit]
    ) -> tuple[Why, ...]:
        """Return why each of these hits, found in the same transaction, stands where it does."""
        return reasons(self._rows(connection, visibility, asked), asked, hits)

    def _rows(self, connection: sa.Connection, visibility: Visibility, asked: Asked) -> StoredRows:
        readable = self._access.readable(connection, visibility, asked.filters.admits_sensitivity)
        left_out = asked.earlier.versions if asked.earlier else ()
        return read(connection, np.flatnonzero(readable), asked.model, asked.filters, left_out)


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a term stands."""

    places: Integers
    counts: npt.NDArray[np.uint8]


class StoredRows:
    """Fills `rank.Rows` from the rows of documents that one caller may read."""

    def __init__(
        self,
        connection: sa.Connection,
        numbers: Integers,
        chunks: Integers,
        ordinals: npt.NDArray[np.int32],
        lengths: npt.NDArray[np.uint16],
        made: npt.NDArray[np.bool_],
        longest: float,
    ) -> None:
        """`numbers`, `chunks` and `made` (with the question's model) by document, the others by chunk."""
        self._connection = connection
        self._numbers = numbers
        self._starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(chunks)])
        self._ordinals = ordinals
        self._lengths = lengths
        self._made = made
        self._longest = longest
        self._order = np.argsort(numbers)
        self._sorted = numbers[self._order]

    @property
    def size(self) -> int:
        """Return how many chunks there are."""
        return int(self._starts[-1])

    def cosines(self, vector: Floats, model: str) -> StoredCosines:
        """Return how near each is to a question; raises Tampered where a vector is missing."""
        question = codes.exactly(vector)
        has = np.repeat(self._made, np.diff(self._starts))
        rough = np.zeros(self.size, np.float32)
        if has.any():
            said = {"numbers": array(self._numbers[self._made]), "vector": vector_text(vector)}
            numbers, places, values = self._connection.execute(_PRODUCTS, said).one()
            at = self._places(_integers(numbers), _integers(places))
            if len(at) != int(has.sum()):
                raise _damaged()
            rough[at] = np.frombuffer(values or b"", _SINGLE)
        steps = len(vector) * _HALF_STEP
        bound = steps / (1 - steps) * float(np.linalg.norm(question)) * self._longest
        return StoredCosines(self, question, rough, has, bound)

    def words(self, terms: Sequence[str], settings: LexicalSettings) -> Doubles:
        """Return the BM25 score of each."""
        total = np.zeros(self.size, np.float64)
        if not self.size or not terms:
            return total
        mean = lexical.mean_length(self._lengths.sum(axis=0, dtype=np.int64), self.size, settings.weights)
        found = self._find(terms)
        for term in terms:
            hit = found.get(key(term))
            if hit is not None:
                idf = lexical.rarity(self.size, len(hit.places))
                total[hit.places] += lexical.gains(hit.counts, self._lengths[hit.places], idf, mean, settings)
        return total

    def holding(self, terms: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return which hold every one of `terms`."""
        held = np.ones(self.size, np.bool_)
        found = self._find(terms)
        for term in terms:
            here = np.zeros(self.size, np.bool_)
            if (hit := found.get(key(term))) is not None:
                here[hit.places] = True
            held &= here
        return held

    def named(self, places: Integers) -> list[tuple[str, int, int]]:
        """Return document, version and ordinal of ascending places."""
        owners = np.searchsorted(self._starts, places, side="right") - 1
        numbers = self._numbers[owners]
        rows = self._connection.execute(_NAMES, {"numbers": array(np.unique(numbers))})
        names = {number: (document, version) for number, document, version in rows}
        return [
            (*names[number], int(self._ordinals[place]))
            for number, place in zip(numbers.tolist(), places.tolist(), strict=True)
        ]

    def places(self, hits: Sequence[Hit]) -> Integers:
        """Return where these rows are."""
        said = {"documents": sorted({hit.document for hit in hits})}
        known = {(name, at): number for name, at, number in self._connection.execute(_NUMBERS, said)}
        owners = {int(number): at for at, number in enumerate(self._numbers.tolist())}
        found = np.full(len(hits), -1, np.int64)
        for at, hit in enumerate(hits):
            owner = owners.get(known.get((hit.document, hit.version), -1))
            if owner is None:
                continue
            first, last = self._starts[owner], self._starts[owner + 1]
            found[at] = first + int(np.searchsorted(self._ordinals[first:last], hit.ordinal))
        return found

    def vectors(self, places: Integers) -> tuple[Integers, Floats]:
        """Return the stored vectors of those of these places that have one, and which of `places` they are."""
        owners = np.searchsorted(self._starts, places, side="right") - 1
        at = np.flatnonzero(self._made[owners])
        if not len(at):
            return at, np.zeros((0, 0), np.float32)
        inside = places[at] - self._starts[owners[at]]
        said = {"numbers": array(self._numbers[owners[at]]), "places": array(inside)}
        which, packed = self._connection.execute(_VECTORS, said).one()
        found = np.frombuffer(which or b"", ">i8").astype(np.int64) - 1
        if len(found) != len(at):
            raise _damaged()
        width = len(packed) // len(found)
        record = np.dtype([("size", ">i2"), ("unused", ">i2"), ("values", _SINGLE, ((width - 4) // 4,))])
        values = np.frombuffer(packed, record)["values"]
        return at[found], np.ascontiguousarray(values, np.float32)

    def _find(self, terms: Sequence[str]) -> Mapping[int, _Found]:
        if not self.size or not terms:
            return {}
        keys = np.array([key(term) for term in terms], np.uint64)
        said = {"numbers": array(self._numbers), "terms": array(keys.view(np.int64))}
        found: dict[int, _Found] = {}
        for term, numbers, sizes, packed in self._connection.execute(_POSTINGS, said):
            postings = np.frombuffer(packed, POSTING)
            owners = np.repeat(_integers(numbers), _integers(sizes) // POSTING.itemsize)
            places = self._places(owners, postings["place"].astype(np.int64))
            found[term % (1 << 64)] = _Found(places, np.ascontiguousarray(postings["counts"]))
        return found

    def _places(self, numbers: Integers, inside: Integers) -> Integers:
        owners = self._order[np.searchsorted(self._sorted, numbers)]
        return self._starts[owners] + inside


class StoredCosines:
    """Fills `rank.Similar`: what the server multiplied in float32, and on demand the exact products."""

    def __init__(
        self, rows: StoredRows, question: Doubles, rough: Floats, has: npt.NDArray[np.bool_], bound: float
    ) -> None:
        self._rows = rows
        self._question = question
        self.rough = rough
        self.has = has
        self.complete = bool(has.all())
        self.bound = bound
        self._lowest = 0.0

    def settle(self, lowest: float) -> None:
        """Give every place without a vector this cosine."""
        self.rough[~self.has] = lowest
        self._lowest = lowest

    def finer(self, places: Integers) -> tuple[Doubles, Doubles]:
        """Return the same estimates: there is nothing between them and the truth."""
        has = self.has[places]
        values = np.where(has, self.rough[places].astype(np.float64), self._lowest)
        return values, np.where(has, self.bound, 0.0)

    def exact(self, places: Integers) -> Doubles:
        """Return the cosines, computed from the vectors as they were embedded."""
        found = np.full(len(places), self._lowest)
        at, vectors = self._rows.vectors(places)
        if len(at):
            found[at] = codes.cosines(vectors, self._question)
        return found


def read(
    connection: sa.Connection,
    classes: Integers,
    model: str,
    filters: Filters = EVERYTHING,
    left_out: Collection[str] = (),
) -> StoredRows:
    """Return the rows of live documents in these access classes; raises NotSetUp for other word rules.

    Of these, only what the filters admit, and none of the documents `left_out`; sensitivity is left to `classes`.
    """
    said: dict[str, object] = {"classes": array(classes), "model": model}
    statement = _READABLE
    if filters:
        statement = _ADMITTED
        # What a filter means is said once, in code; every readable document is asked, whichever it admits.
        rows = connection.execute(_ATTRIBUTES, {"classes": array(classes)})
        said["admitted"] = [number for number, *about in rows if _admits(filters, *about)]
    if left_out:
        statement = sa.text(f"{statement.text}{_LEFT_OUT}")
        said["left_out"] = sorted(left_out)
    numbers, chunks, ordinals, lengths, made, longest, low, high = connection.execute(statement, said).one()
    if any(rules not in (None, wording.VERSION) for rules in (low, high)):
        raise NotSetUp("The index was made with other word rules.", fix="Ingest the sources again.")
    sizes = _integers(chunks)
    rows = StoredRows(
        connection,
        _integers(numbers),
        sizes,
        np.frombuffer(ordinals or b"", ORDINAL),
        np.frombuffer(lengths or b"", LENGTHS.base).reshape(-1, len(FIELDS)),
        np.frombuffer(made or b"", np.bool_),
        float(longest or 0.0),
    )
    return rows


def _admits(filters: Filters, source: str, path: str, media_type: str, author: str, modified_at: str) -> bool:
    return (
        filters.admits_place(source, path)
        and filters.admits_type(media_type)
        and filters.admits_author(author)
        and filters.admits_time(modified_at)
    )


def _damaged() -> Tampered:
    return Tampered("Rows of the index are missing.", fix="Ingest the sources again: it makes them anew.")


def _integers(packed: bytes | None) -> Integers:
    return np.frombuffer(packed or b"", _NUMBER).astype(np.int64)


def array(numbers: npt.NDArray[Any]) -> str:
    """Return whole numbers as the text of an array, which the server reads fastest."""
    return "{" + ",".join(map(str, numbers.tolist())) + "}"


def vector_text(vector: Floats) -> str:
    """Return a vector as text that stands for exactly its numbers: nine digits tell every float32 apart."""
    return "[" + ",".join([f"{value:.9g}" for value in vector.tolist()]) + "]"
